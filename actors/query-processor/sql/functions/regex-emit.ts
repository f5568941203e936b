import { type Constraint, complement, type Range, type RegexNode, type RegexOptions } from './regex-parse.ts'

/** How repetitions are written: as they stand, or all alike. */
export type Greed = 'own' | 'lazy' | 'greedy'

/** The tree in RE2's syntax. Case is folded here, ASCII only, as the collation "C" does. */
export function emitRegex(node: RegexNode, options: RegexOptions, greed: Greed): string {
  const emit = (child: RegexNode, own: Greed): string => {
    switch (child.kind) {
      case 'empty':
        return '(?:)'
      case 'character':
        return emitCharacter(child.code, options)
      case 'any':
        return options.newlineStops ? '[^\\n]' : '(?s:.)'
      case 'class':
        return emitClass(child.negated, child.ranges, options)
      case 'constraint':
        return emitConstraint(child.which, options)
      case 'group':
        return `(${child.capture === undefined ? '?:' : ''}${emit(child.node, own)})`
      case 'sequence':
        return child.nodes.map((item) => (item.kind === 'choice' ? `(?:${emit(item, own)})` : emit(item, own))).join('')
      case 'choice':
        return longestFirst(child.nodes)
          .map((item) => emit(item, own))
          .join('|')
      case 'repeat': {
        const lazy = own === 'own' ? child.lazy : own === 'lazy'
        // What a repetition prefers counts for all that is repeated; x{1}? only makes what is inside prefer the other way.
        const opposite = own === 'own' && preference(child.node) === (child.lazy ? 'greedy' : 'lazy')
        const inner = opposite && (child.lazy || child.min !== child.max) ? (child.lazy ? 'lazy' : 'greedy') : own
        const atom = `(?:${emit(child.node, inner)})`
        return child.min === 1 && child.max === 1 ? atom : `${atom}${bounds(child.min, child.max)}${lazy ? '?' : ''}`
      }
    }
  }
  return emit(node, greed)
}

function bounds(min: number, max: number): string {
  if (max === Number.POSITIVE_INFINITY) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`
  if (min === 0 && max === 1) return '?'
  return min === max ? `{${min}}` : `{${min},${max}}`
}

/** PostgreSQL takes the branch that matches most, RE2 the first one: branches of fixed length are put in that order. */
function longestFirst(nodes: readonly RegexNode[]): readonly RegexNode[] {
  const lengths = nodes.map(fixedLength)
  if (lengths.includes(undefined)) return nodes
  return nodes
    .map((node, i) => ({ node, length: lengths[i] as number }))
    .sort((a, b) => b.length - a.length)
    .map(({ node }) => node)
}

/** A sequence prefers what its first part with a preference does; a choice always prefers more. */
export function preference(node: RegexNode): 'lazy' | 'greedy' | undefined {
  switch (node.kind) {
    case 'group':
      return preference(node.node)
    case 'choice':
      return 'greedy'
    case 'repeat':
      if (node.lazy) return 'lazy'
      return node.min === node.max ? preference(node.node) : 'greedy'
    case 'sequence':
      for (const child of node.nodes) {
        const own = preference(child)
        if (own !== undefined) return own
      }
      return undefined
    default:
      return undefined
  }
}

function fixedLength(node: RegexNode): number | undefined {
  switch (node.kind) {
    case 'empty':
    case 'constraint':
      return 0
    case 'character':
    case 'any':
    case 'class':
      return 1
    case 'group':
      return fixedLength(node.node)
    case 'repeat': {
      const length = fixedLength(node.node)
      return length !== undefined && node.min === node.max ? length * node.min : undefined
    }
    case 'sequence': {
      let sum = 0
      for (const child of node.nodes) {
        const length = fixedLength(child)
        if (length === undefined) return undefined
        sum += length
      }
      return sum
    }
    case 'choice': {
      const [first, ...others] = node.nodes.map(fixedLength)
      return others.every((length) => length === first) ? first : undefined
    }
  }
}

const isLetter = (code: number): boolean => (code >= 65 && code <= 90) || (code >= 97 && code <= 122)

const hexadecimal = (code: number): string => `\\x{${code.toString(16)}}`

function emitCharacter(code: number, options: RegexOptions): string {
  if (options.ignoreCase && isLetter(code)) return `[${String.fromCharCode(code | 32, code & ~32)}]`
  return isLetter(code) || (code >= 48 && code <= 57) ? String.fromCharCode(code) : hexadecimal(code)
}

function emitClass(negated: boolean, ranges: readonly Range[], options: RegexOptions): string {
  let all = options.ignoreCase ? withOtherCase(ranges) : [...ranges]
  if (negated && options.newlineStops) all = [...all, [10, 10]]
  const wanted = negated ? complement(all) : all
  // Nothing matches an empty class.
  if (wanted.length === 0) return '[^\\x{0}-\\x{10ffff}]'
  return `[${wanted.map(([low, high]) => `${hexadecimal(low)}-${hexadecimal(high)}`).join('')}]`
}

function withOtherCase(ranges: readonly Range[]): Range[] {
  const made: Range[] = []
  for (const [low, high] of ranges) {
    made.push([low, high])
    const upper: Range = [Math.max(low, 65), Math.min(high, 90)]
    const lower: Range = [Math.max(low, 97), Math.min(high, 122)]
    if (upper[0] <= upper[1]) made.push([upper[0] + 32, upper[1] + 32])
    if (lower[0] <= lower[1]) made.push([lower[0] - 32, lower[1] - 32])
  }
  return made
}

function emitConstraint(which: Constraint, options: RegexOptions): string {
  switch (which) {
    case 'lineStart':
      return options.newlineAnchors ? '(?m:^)' : '\\A'
    case 'lineEnd':
      return options.newlineAnchors ? '(?m:$)' : '\\z'
    case 'textStart':
      return '\\A'
    case 'textEnd':
      return '\\z'
    case 'wordStart':
      return '\\b(?<!\\w)'
    case 'wordEnd':
      return '\\b(?<=\\w)'
    case 'wordBoundary':
      return '\\b'
    case 'noWordBoundary':
      return '\\B'
  }
}
