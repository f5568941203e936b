import type { MaybePromise } from '../../bus/bus.ts'
import { assert } from '../../protocol/assert.ts'
import { SqlError } from '../../protocol/errors.ts'
import type { Oid } from '../../protocol/ids.ts'
import type { Key } from '../../protocol/key.ts'
import type { OwnTransactions } from './own-transactions.ts'
import { sequenceKey } from './sql/catalog/keys.ts'
import type { Catalog, SequenceRelation } from './sql/catalog/schema.ts'
import { decodeCounter, encodeCounter, type SequenceCounter } from './sql/catalog/sequence-counter.ts'
import { run, type Task } from './task.ts'

/** A process reserves at least what CACHE says; more and more while it is asked often, so that a bulk load does not commit per row. */
const reservedMax = 256n

interface Reserved {
  readonly sequence: Oid
  next: bigint
  left: bigint
  /** How many the next reservation takes. */
  readonly size: bigint
}

/**
 * The values this process has reserved, each block in a transaction of its own (architecture decision 15): nextval never rides in the
 * user's transaction. Values are not given back, and a crash leaves a gap.
 */
export class SequenceBlocks {
  private readonly transactions: OwnTransactions
  /** By storage id: a sequence whose counter moved elsewhere has no block there. */
  private readonly blocks = new Map<number, Reserved>()
  private readonly reserving = new Map<number, Promise<unknown>>()

  constructor(transactions: OwnTransactions) {
    this.transactions = transactions
  }

  next(sequence: SequenceRelation): MaybePromise<bigint> {
    const block = this.blocks.get(sequence.storageId)
    return block !== undefined && block.left > 0n ? take(block, sequence) : run(this.reserveAndTake(sequence))
  }

  /** setval: the next value is `value` itself when it was not called, else the one after it. */
  set(sequence: SequenceRelation, value: bigint, isCalled: boolean): MaybePromise<bigint> {
    if (value < sequence.min || value > sequence.max) {
      const bounds = `(${sequence.min}..${sequence.max})`
      throw new SqlError('22003', `setval: value ${value} is out of bounds for sequence "${sequence.name}" ${bounds}`)
    }
    return run(this.move(sequence, value, isCalled))
  }

  /** Its counter was changed by somebody: what is reserved is worth nothing. */
  forget(sequence: Oid): void {
    for (const [storageId, block] of this.blocks) if (block.sequence === sequence) this.blocks.delete(storageId)
  }

  /** Undefined: the counter, as it was read, knows of a later reservation than this process's own. */
  lastGiven({ storageId, increment }: SequenceRelation, counter: bigint): bigint | undefined {
    const block = this.blocks.get(storageId)
    if (block === undefined) return undefined
    const end = block.next + increment * (block.left - 1n)
    return (increment > 0n ? counter <= end : counter >= end) ? block.next - increment : undefined
  }

  private *reserveAndTake(sequence: SequenceRelation): Task<bigint> {
    const { storageId } = sequence
    for (;;) {
      const block = this.blocks.get(storageId)
      if (block !== undefined && block.left > 0n) return take(block, sequence)
      const other = this.reserving.get(storageId)
      if (other !== undefined) {
        yield other
        continue
      }
      let free: () => void = () => {}
      this.reserving.set(storageId, new Promise<void>((resolve) => (free = resolve)))
      try {
        yield* this.reserve(sequence, block?.size ?? 1n)
      } finally {
        this.reserving.delete(storageId)
        free()
      }
    }
  }

  private *reserve(sequence: SequenceRelation, wanted: bigint): Task<void> {
    const count = sequence.cache > wanted ? sequence.cache : wanted
    let taken: Reserved | undefined
    yield* this.change(sequenceKey(sequence.storageId), (bytes) => {
      const { first, length, last } = advance(sequence, decodeCounter(sequence, bytes), count)
      const size = wanted * 2n < reservedMax ? wanted * 2n : reservedMax
      taken = { sequence: sequence.oid, next: first, left: length, size }
      return encodeCounter({ last, isCalled: true })
    })
    assert(taken !== undefined, 'a reservation was computed')
    this.blocks.set(sequence.storageId, taken)
  }

  private *move(sequence: SequenceRelation, value: bigint, isCalled: boolean): Task<bigint> {
    yield* this.change(sequenceKey(sequence.storageId), () => encodeCounter({ last: value, isCalled }))
    this.blocks.delete(sequence.storageId)
    return value
  }

  private *change(key: Key, work: (bytes: Uint8Array | undefined) => Buffer): Task<void> {
    const done = this.transactions.run<void>((access) => {
      const stored = access.get(key)
      if (!(stored instanceof Promise)) return access.write(key, work(stored), 'X')
      return stored.then((bytes) => access.write(key, work(bytes), 'X'))
    })
    if (done instanceof Promise) yield done
  }
}

function take(block: Reserved, { increment }: SequenceRelation): bigint {
  const value = block.next
  block.left--
  block.next += increment
  return value
}

/** What one session knows of sequences: currval and lastval. */
export class Sequences {
  private readonly blocks: SequenceBlocks
  private readonly catalog: () => Catalog
  private readonly values = new Map<Oid, bigint>()
  private latest: Oid | undefined

  constructor(blocks: SequenceBlocks, catalog: () => Catalog) {
    this.blocks = blocks
    this.catalog = catalog
  }

  next(oid: Oid): MaybePromise<bigint> {
    const value = this.blocks.next(this.sequence(oid))
    return value instanceof Promise ? value.then((given) => this.remember(oid, given)) : this.remember(oid, value)
  }

  private remember(oid: Oid, value: bigint): bigint {
    this.values.set(oid, value)
    this.latest = oid
    return value
  }

  current(oid: Oid): bigint {
    const sequence = this.sequence(oid)
    const value = this.values.get(oid)
    if (value === undefined) {
      throw new SqlError('55000', `currval of sequence "${sequence.name}" is not yet defined in this session`)
    }
    return value
  }

  last(): bigint {
    const value = this.latest === undefined ? undefined : this.values.get(this.latest)
    if (value === undefined || this.latest === undefined || this.catalog().relationByOid(this.latest) === undefined) {
      throw new SqlError('55000', 'lastval is not yet defined in this session')
    }
    return value
  }

  set(oid: Oid, value: bigint, isCalled: boolean): MaybePromise<bigint> {
    const done = this.blocks.set(this.sequence(oid), value, isCalled)
    const use = (given: bigint): bigint => {
      if (isCalled) this.values.set(oid, given)
      return given
    }
    return done instanceof Promise ? done.then(use) : use(done)
  }

  /** DISCARD SEQUENCES */
  discard(): void {
    this.values.clear()
    this.latest = undefined
  }

  private sequence(oid: Oid): SequenceRelation {
    const relation = this.catalog().relationByOid(oid)
    if (relation === undefined) throw new SqlError('42P01', `relation with OID ${oid} does not exist`)
    if (relation.kind !== 'sequence') throw new SqlError('42809', `"${relation.name}" is not a sequence`)
    return relation
  }
}

/** Up to `count` values from the counter on: never across the end of the range, which cycles or is an error only when it is asked for. */
function advance(
  sequence: SequenceRelation,
  counter: SequenceCounter,
  count: bigint,
): { readonly first: bigint; readonly length: bigint; readonly last: bigint } {
  const { increment, min, max } = sequence
  const isUp = increment > 0n
  let first = counter.isCalled ? counter.last + increment : counter.last
  if (isUp ? first > max : first < min) {
    if (!sequence.cycle) {
      const end = isUp
        ? `maximum value of sequence "${sequence.name}" (${max})`
        : `minimum value of sequence "${sequence.name}" (${min})`
      throw new SqlError('2200H', `nextval: reached ${end}`)
    }
    first = isUp ? min : max
  }
  const room = isUp ? (max - first) / increment + 1n : (first - min) / -increment + 1n
  const length = count < room ? count : room
  return { first, length, last: first + increment * (length - 1n) }
}
