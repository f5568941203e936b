import { RE2JS } from 're2js'
import { emitRegex, type Greed, preference } from './regex-emit.ts'
import { parseRegex, type RegexNode, type RegexOptions, regexError } from './regex-parse.ts'

/** Start and end of the whole and of every group, as UTF-16 positions; -1 where a group took no part. */
export type Spans = readonly number[]

/** PostgreSQL gives up on longer ones too. */
const patternUnitsMax = 50_000

/**
 * A compiled regular expression. RE2 matches in time linear in the text. PostgreSQL decides by its first quantifier whether the whole
 * matches as much or as little as it can, and after that what the groups get; RE2 is asked in the same order.
 */
export class Regex {
  readonly groups: number
  private readonly node: RegexNode
  private readonly options: RegexOptions
  /** Finds the whole match. */
  private readonly whole: RE2JS
  private readonly shortest: boolean
  private readonly constrained: boolean
  private slicing: RE2JS | undefined

  constructor(pattern: string, options: RegexOptions) {
    if (pattern.length > patternUnitsMax) throw regexError('regular expression is too complex')
    const parsed = parseRegex(pattern, options)
    this.groups = parsed.groups
    this.node = parsed.node
    this.options = parsed.options
    this.shortest = preference(parsed.node) === 'lazy'
    this.constrained = some(parsed.node, (node) => node.kind === 'constraint')
    this.whole = this.shortest ? this.compile('lazy', 0) : this.compile('own', RE2JS.LONGEST_MATCH)
  }

  test(text: string): boolean {
    return this.whole.matcher(text).find()
  }

  find(text: string, from: number): Spans | undefined {
    const matcher = this.whole.matcher(text)
    if (from > text.length || !matcher.find(from)) return undefined
    const start = matcher.start()
    let end = matcher.end()
    if (this.shortest && end > start) end = this.shorten(text, start, end)
    if (this.groups === 0) return [start, end]
    const inside = this.constrained && !this.shortest ? matcher : this.slicer().matcher(text.slice(start, end))
    const base = inside === matcher ? 0 : start
    // A slice that does not match as a whole had its constraints cut off: the first answer stands.
    const found = inside === matcher || inside.find() ? inside : matcher
    const shift = found === matcher ? 0 : base
    const spans = [start, end]
    for (let group = 1; group <= this.groups; group++) {
      const groupStart = found.start(group)
      spans.push(groupStart < 0 ? -1 : groupStart + shift, groupStart < 0 ? -1 : found.end(group) + shift)
    }
    return spans
  }

  /** Lazy repetitions still take the first branch that fits; a shorter one may fit too. */
  private shorten(text: string, start: number, end: number): number {
    if (this.constrained || !some(this.node, (node) => node.kind === 'choice')) return end
    for (let shorter = start; shorter < end; shorter++) {
      if (this.slicer().matcher(text.slice(start, shorter)).find()) return shorter
    }
    return end
  }

  /** Matches a slice as a whole, and shares it out among the groups. */
  private slicer(): RE2JS {
    if (this.slicing === undefined) {
      const source = `\\A(?:${emitRegex(this.node, this.options, 'own')})\\z`
      this.slicing = compileSource(source, 0)
    }
    return this.slicing
  }

  private compile(greed: Greed, flags: number): RE2JS {
    return compileSource(emitRegex(this.node, this.options, greed), flags)
  }
}

function compileSource(source: string, flags: number): RE2JS {
  try {
    return RE2JS.compile(source, flags | (source.includes('(?<') ? RE2JS.LOOKBEHINDS : 0))
  } catch (error) {
    // The syntax is ours: what RE2 refuses is too large for it.
    if (error instanceof Error && error.name.startsWith('RE2JS')) throw regexError('regular expression is too complex')
    throw error
  }
}

function some(node: RegexNode, test: (node: RegexNode) => boolean): boolean {
  if (test(node)) return true
  switch (node.kind) {
    case 'group':
    case 'repeat':
      return some(node.node, test)
    case 'sequence':
    case 'choice':
      return node.nodes.some((child) => some(child, test))
    default:
      return false
  }
}

const cache = new Map<string, Regex>()
const cacheMax = 512

export function compileRegex(pattern: string, options: RegexOptions): Regex {
  const { ignoreCase, newlineStops, newlineAnchors, expanded, literal } = options
  const key = `${+ignoreCase}${+newlineStops}${+newlineAnchors}${+expanded}${+literal}${pattern}`
  const known = cache.get(key)
  if (known) return known
  const made = new Regex(pattern, options)
  if (cache.size >= cacheMax) cache.clear()
  cache.set(key, made)
  return made
}
