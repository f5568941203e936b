/** Rule 20 as the journals show it: what was given away was taken once, by whom it was given to, above everything its giver had promised. */
import { Adjudicator } from '../../actors/adjudicator/adjudicator.ts'
import { GroupCommit } from '../../actors/journal/group-commit.ts'
import { holdingsAfter, noHoldings } from '../../actors/journal/holdings.ts'
import { contains, type KeyRange, pinnedTo, placeOf } from '../../protocol/key.ts'
import type { JournalRecord } from '../../protocol/messages.ts'
import type { Kernel } from './kernel.ts'
import type { ObservedRecord } from './observed-log.ts'
import type { Violation } from './workloads.ts'

type Seal = JournalRecord & { readonly kind: 'seal' }
type Open = JournalRecord & { readonly kind: 'open' }

const same = (a: KeyRange, b: KeyRange): boolean => a.start === b.start && a.end === b.end

export function violationsOfMoves(kernel: Kernel, journals: readonly (readonly ObservedRecord[])[]): Violation[] {
  const found: Violation[] = []
  const violated = (detail: string): void => void found.push({ oracle: 'moves', promise: 'R12', detail })
  const records = journals.flat().map(({ record }) => record)
  const seals = records.filter((record): record is Seal => record.kind === 'seal')
  const opens = records.filter((record): record is Open => record.kind === 'open')
  for (const open of opens) {
    const name = `partition ${open.partition} opened seal ${open.sealed} of partition ${open.from} at ${open.tau}`
    const seal = seals.find(({ partition, mapVersion }) => partition === open.from && mapVersion === open.sealed)
    if (seal === undefined) {
      violated(`${name}, which was never sealed`)
      continue
    }
    if (seal.to !== open.partition || !same(seal.range, open.range)) violated(`${name}, which says otherwise`)
    if (open.floor !== seal.horizon) violated(`${name} with floor ${open.floor}, its horizon was ${seal.horizon}`)
    if (open.tau <= seal.horizon) violated(`${name}, not above its horizon ${seal.horizon}`)
    if (opens.some((other) => other !== open && other.from === open.from && other.sealed === open.sealed))
      violated(`${name} twice`)
    const between = ({ kind, tau, partition }: JournalRecord): boolean =>
      kind === 'epoch' && (partition === seal.partition || partition === seal.to) && tau > seal.tau && tau < open.tau
    if (records.some(between)) kernel.count('move completed by a successor')
    if (wrote(journals[open.partition] ?? [], open)) kernel.count('places written by their new partition')
  }
  const held = journals.flatMap((journal, p) => holdingsOf(journal).map((range) => ({ ...range, p })))
  held.sort((a, b) => (a.start < b.start ? -1 : 1))
  for (const [i, range] of held.entries()) {
    const next = held[i + 1]
    if (next !== undefined && next.start < range.end) violated(`partitions ${range.p} and ${next.p} hold the same places`)
  }
  kernel.count('seals', seals.length)
  kernel.count('opens', opens.length)
  return found
}

/** What the journal says at its end. */
function holdingsOf(records: readonly ObservedRecord[]): readonly KeyRange[] {
  let holdings = noHoldings
  for (const { record } of records)
    if (record.kind === 'epoch' || record.kind === 'seal' || record.kind === 'open') holdings = holdingsAfter(holdings, record)
  return holdings.ranges
}

/** A seal that nobody has opened. */
export function isMoving(journals: readonly (readonly ObservedRecord[])[]): boolean {
  let count = 0
  for (const { record } of journals.flat()) {
    if (record.kind === 'seal') count++
    if (record.kind === 'open') count--
  }
  return count > 0
}

const wrote = (records: readonly ObservedRecord[], { tau, range }: Open): boolean =>
  records.some(
    ({ record }) =>
      record.kind === 'commit' &&
      record.tau > tau &&
      record.transactions.some(({ writes }) =>
        [...writes].some(({ key, mode }) => mode !== 'E' && pinnedTo(key) === undefined && contains(range, placeOf(key))),
      ),
  )

/** One run at a time in a process. */
let counting: Kernel | undefined
export function countMoves(kernel: Kernel): void {
  counting = kernel
}

/** Counts calls of a method of the product. */
function counted(target: { prototype: object }, method: string, what: string): void {
  const prototype = target.prototype as Record<string, (...values: unknown[]) => unknown>
  const original = prototype[method]
  if (original === undefined) throw new Error(`harness: there is no method ${method}`)
  prototype[method] = function (...values) {
    const before = counting
    const joined = (this as { building?: unknown[] }).building?.length
    const answer = original.apply(this, values)
    if (joined === undefined || (this as unknown as { building: unknown[] }).building.length < joined) before?.count(what)
    return answer
  }
}

counted(Adjudicator, 'elsewhere', 'refused: the places are elsewhere')
counted(GroupCommit, 'abandon', 'abandoned by a seal')
