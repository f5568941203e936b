import type { Partition } from '../../protocol/ids.ts'
import { contains, type Key, type KeyRange, pinnedTo, placeOf } from '../../protocol/key.ts'
import { merged, without } from '../../protocol/key-ranges.ts'
import type { Check, Mark } from '../../protocol/messages.ts'
import { type Tau, tauMax, tauZero } from '../../protocol/time.ts'

/** What a transaction marks and reads, as far as it matters where that lies. */
export interface Marks {
  readonly writes: Iterable<Mark>
  readonly checks: readonly Check[]
}

/** The places of one owner, where there are several partitions: what it decides about at this moment (rules 4 and 20). */
export class Domain {
  /** Seals begun in this term: whoever takes many turns looks whether there was one meanwhile. */
  seals = 0
  private readonly partition: Partition
  private ranges: readonly KeyRange[]
  private floors: readonly { readonly range: KeyRange; readonly floor: Tau }[] = []
  private sealing: KeyRange | undefined
  private waiting: (() => void)[] = []

  constructor(partition: Partition, ranges: readonly KeyRange[]) {
    this.partition = partition
    this.ranges = ranges
  }

  /** A seal is on its way into the journal. */
  get isSealing(): boolean {
    return this.sealing !== undefined
  }

  owns(key: Key): boolean {
    const pinned = pinnedTo(key)
    if (pinned !== undefined) return pinned === this.partition
    const place = placeOf(key)
    if (this.sealing !== undefined && contains(this.sealing, place)) return false
    for (const range of this.ranges) if (contains(range, place)) return true
    return false
  }

  /** Below it this owner does not know what has been written to `key`: it came from another one. */
  floorOf(key: Key): Tau {
    if (this.floors.length === 0 || pinnedTo(key) !== undefined) return tauZero
    const place = placeOf(key)
    let highest = tauZero
    for (const { range, floor } of this.floors) if (contains(range, place)) highest = tauMax(highest, floor)
    return highest
  }

  /** From now on `range` is refused. */
  seal(range: KeyRange): void {
    this.seals++
    this.sealing = range
  }

  /** The journal has the seal, or will never have it. */
  sealed(isStated: boolean): void {
    if (isStated && this.sealing !== undefined) this.ranges = without(this.ranges, this.sealing)
    this.sealing = undefined
    this.tell()
  }

  opened(range: KeyRange, floor: Tau): void {
    this.ranges = merged([...this.ranges, range])
    this.floors = [...this.floors, { range, floor }]
    this.tell()
  }

  /** Resolves when something is owned that was not, or the other way round. */
  change(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  private tell(): void {
    for (const told of this.waiting.splice(0)) told()
  }
}

/** Does a seal of `range` concern it? Whatever has keys there, and every change of the catalog, which does not know the new owner (rule 21). */
export function concerns(range: KeyRange, marks: Marks): boolean {
  return isWithin(range, marks) || changesCatalog(marks)
}

function isWithin(range: KeyRange, { writes, checks }: Marks): boolean {
  const lies = (key: Key): boolean => pinnedTo(key) === undefined && contains(range, placeOf(key))
  for (const { key, mode } of writes) if (mode !== 'E' && lies(key)) return true
  return checks.some((check) => 'key' in check && lies(check.key))
}

function changesCatalog({ checks }: Marks): boolean {
  return checks.some((check) => 'key' in check && check.mode === 'X' && pinnedTo(check.key) !== undefined)
}
