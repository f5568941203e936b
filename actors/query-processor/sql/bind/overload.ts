import type { Oid } from '../../../../protocol/ids.ts'
import { builtinType, typeCategory, unknownOid } from '../functions/builtin-types.ts'
import { canCoerce } from './coerce.ts'

/** What a call could mean: an operator or function with as many parameter types as the call has arguments. */
export interface Candidate {
  readonly types: readonly Oid[]
}

/** func_match_argtypes: those whose parameters the arguments can become. */
export function matching<C extends Candidate>(candidates: readonly C[], actual: readonly Oid[]): readonly C[] {
  return candidates.filter((candidate) => canCoerce(actual, candidate.types, 'implicit'))
}

/** func_select_candidate, chapter 10.2 and 10.3 of the manual; undefined: not unique. */
export function selectCandidate<C extends Candidate>(actual: readonly Oid[], among: readonly C[]): C | undefined {
  let candidates = mostMatches(among, (candidate) =>
    count(actual, (type, i) => type !== unknownOid && candidate.types[i] === type),
  )
  if (candidates.length === 1) return candidates[0]
  const categories = actual.map(typeCategory)
  candidates = mostMatches(candidates, (candidate) =>
    count(actual, (type, i) => {
      if (type === unknownOid) return false
      const declared = candidate.types[i]!
      return declared === type || isPreferred(declared, categories[i]!)
    }),
  )
  if (candidates.length === 1) return candidates[0]
  const unknowns = count(actual, (type) => type === unknownOid)
  if (unknowns === 0) return undefined

  const byCategory = narrowByCategory(actual, candidates)
  if (byCategory !== undefined) {
    if (byCategory.length > 0) candidates = byCategory
    if (candidates.length === 1) return candidates[0]
  }
  // Last: if all known arguments have one type, take the unknown ones for that type too.
  if (unknowns < actual.length) {
    const known = actual.filter((type) => type !== unknownOid)
    if (known.every((type) => type === known[0])) {
      const guessed = actual.map(() => known[0]!)
      const fitting = candidates.filter((candidate) => canCoerce(guessed, candidate.types, 'implicit'))
      if (fitting.length === 1) return fitting[0]
    }
  }
  return undefined
}

function mostMatches<C extends Candidate>(candidates: readonly C[], score: (candidate: C) => number): readonly C[] {
  let best = -1
  let kept: C[] = []
  for (const candidate of candidates) {
    const matches = score(candidate)
    if (matches > best) {
      best = matches
      kept = [candidate]
    } else if (matches === best) kept.push(candidate)
  }
  return kept
}

/** For each unknown argument the category that the candidates agree on, strings winning; undefined where they do not. */
function narrowByCategory<C extends Candidate>(actual: readonly Oid[], candidates: readonly C[]): readonly C[] | undefined {
  const slots: { readonly index: number; readonly category: string; readonly hasPreferred: boolean }[] = []
  for (let i = 0; i < actual.length; i++) {
    if (actual[i] !== unknownOid) continue
    let category = ''
    let hasPreferred = false
    let conflict = false
    for (const candidate of candidates) {
      const type = builtinType(candidate.types[i]!)
      if (category === '' || (type.category === 'S' && category !== 'S')) {
        category = type.category
        hasPreferred = type.preferred
      } else if (type.category === category) hasPreferred ||= type.preferred
      else if (type.category !== category) conflict = true
    }
    if (conflict && category !== 'S') return undefined
    slots.push({ index: i, category, hasPreferred })
  }
  return candidates.filter((candidate) =>
    slots.every(({ index, category, hasPreferred }) => {
      const type = builtinType(candidate.types[index]!)
      return type.category === category && (!hasPreferred || type.preferred)
    }),
  )
}

function isPreferred(declared: Oid, category: string): boolean {
  const type = builtinType(declared)
  return type.preferred && type.category === category
}

function count(types: readonly Oid[], test: (type: Oid, index: number) => boolean): number {
  let n = 0
  for (let i = 0; i < types.length; i++) if (test(types[i]!, i)) n++
  return n
}
