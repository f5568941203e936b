import { assert } from './assert.ts'
import type { Epoch, MapVersion, Partition, Sequence, TransactionId, Vector } from './ids.ts'
import { type Key, type KeyRange, keyBytesMax } from './key.ts'
import type {
  AdjudicatorRequests,
  BeginAnswer,
  Check,
  ClosedAnswer,
  CommitAnswer,
  GetAnswer,
  Holdings,
  HoldingsAnswer,
  Mark,
  Mode,
  MoveAnswer,
  OpenedUpTo,
  Outcome,
  OwnedNews,
  PostImages,
  Present,
  PresentPartition,
  ReplicaNews,
  RollCall,
  RowLayout,
  ScanAnswer,
  SealedRange,
  SpansAsked,
  SpansTold,
  Staging,
  Stamped,
  StorageRequests,
  Verdict,
  Vote,
  VoteAnswer,
  Write,
} from './messages.ts'
import { PackedWrites, readPacked, type Writes } from './packed-writes.ts'
import type { Predicate, StorageAggregate } from './predicate.ts'
import {
  always,
  byKind,
  bytes,
  latin1,
  list,
  maybe,
  nested,
  oneOf,
  optional,
  reading,
  type Shape,
  struct,
  truth,
  union,
  utf8,
  whole,
} from './shape.ts'
import type { Tau } from './time.ts'
import { valueShape } from './value-shape.ts'

/** The encodings of messages.ts. What stands here is what processes of one version say to each other: `message-codec.ts` numbers them. */

const tauShape = whole<Tau>()
const sequenceShape = whole<Sequence>()
const partitionShape = whole<Partition>()
/** A range's end may be a key and one byte more. */
const key = latin1<Key>(keyBytesMax + 8)
const range = struct<KeyRange>({ start: key, end: key })
const traceparent = latin1(200)
const words = latin1(200)
const mode = oneOf<Mode>(['X', 'N', 'S', 'R', 'E'])
const vector: Shape<Vector> = list(sequenceShape)

export const idShape = struct<TransactionId>({ leader: partitionShape, epoch: whole(), boot: latin1(64), counter: whole() })

const write = struct<Write>({ key, operation: oneOf(['create', 'update', 'delete']), mode, postImage: maybe(bytes) })
const packed: Shape<PackedWrites> = {
  write(writer, { blocks, length }) {
    writer.varint(length)
    writer.varint(blocks.length)
    for (const block of blocks) writer.lengthBytes(block.bytes)
  },
  read(reader) {
    const [count, blockCount] = [reader.varint(), reader.varint()]
    assert(blockCount <= reader.remaining, 'blocks fit into their message')
    const blocks = Array.from({ length: blockCount }, () => reader.lengthBytes())
    const { writes, rest } = readPacked(blocks, count)
    assert(rest.length === 0, 'blocks hold as many writes as are counted')
    return writes
  },
}
const writes = union<Writes>((value) => (value instanceof PackedWrites ? 1 : 0), [list(write), packed] as Shape<never>[])
const mark = struct<Mark>({ key, mode })
const check: Shape<Check> = union<Check>((value) => ('range' in value ? 1 : 0), [
  struct<{ key: Key; mode: Mode }>({ key, mode }),
  struct<{ range: KeyRange; mode: 'R' }>({ range, mode: oneOf(['R']) }),
] as Shape<never>[])

const verdict = byKind<Verdict>({
  commit: struct({ kind: always('commit'), tauCommit: tauShape }),
  conflict: struct({ kind: always('conflict'), key, mode, atLeast: tauShape }),
  tooOld: struct({ kind: always('tooOld'), atLeast: tauShape }),
  refused: struct({ kind: always('refused'), code: words, message: utf8 }),
})

const vote = byKind<Vote>({
  yes: struct({ kind: always('yes'), tauMin: tauShape, tauMax: tauShape }),
  no: struct({ kind: always('no'), verdict: verdict as Shape<Exclude<Verdict, { kind: 'commit' }>> }),
})

const outcome = byKind<Outcome>({
  committed: struct({ kind: always('committed'), tauCommit: tauShape }),
  aborted: struct({ kind: always('aborted') }),
  unknown: struct({ kind: always('unknown') }),
})

const holdings = struct<Holdings>({
  version: whole<MapVersion>(),
  ranges: list(range),
  sealed: list(struct<SealedRange>({ range, to: partitionShape, version: whole<MapVersion>(), horizon: tauShape })),
  opened: list(struct<OpenedUpTo>({ from: partitionShape, version: whole<MapVersion>() })),
})

const predicate: Shape<Predicate> = nested((inner) =>
  byKind<Predicate>({
    compare: struct({
      kind: always('compare'),
      column: whole(),
      type: whole(),
      operator: oneOf(['=', '<>', '<', '<=', '>', '>=']),
      value: valueShape,
    }),
    in: struct({ kind: always('in'), column: whole(), type: whole(), values: list(valueShape) }),
    isNull: struct({ kind: always('isNull'), column: whole(), negated: truth }),
    prefix: struct({ kind: always('prefix'), column: whole(), prefix: utf8 }),
    and: struct({ kind: always('and'), of: list(inner) }) as Shape<never>,
    or: struct({ kind: always('or'), of: list(inner) }) as Shape<never>,
    not: struct({ kind: always('not'), of: inner }),
  }),
)

const column = { column: whole(), type: whole() }
const aggregate = byKind<StorageAggregate>({
  countRows: struct({ kind: always('countRows') }),
  count: struct({ kind: always('count'), ...column }) as Shape<never>,
  min: struct({ kind: always('min'), ...column }) as Shape<never>,
  max: struct({ kind: always('max'), ...column }) as Shape<never>,
  sum: struct({ kind: always('sum'), ...column }) as Shape<never>,
})

/** A question and its answer, by the question's kind. */
type Shapes<R> = {
  readonly [K in keyof R]: R[K] extends { ask: infer A; answer: infer B } ? readonly [Shape<A>, Shape<B>] : never
}

const clock = reading
const stamped = struct<Stamped>({ clock })

export const adjudicatorShapes: Shapes<AdjudicatorRequests> = {
  begin: [
    struct({ kind: always('begin'), clock }),
    struct<BeginAnswer>({ tau: tauShape, sequence: sequenceShape, mapVersion: whole<MapVersion>(), clock }),
  ],
  closed: [struct({ kind: always('closed'), clock, at: tauShape }), struct<ClosedAnswer>({ sequence: sequenceShape, clock })],
  commit: [
    struct({
      kind: always('commit'),
      clock,
      id: idShape,
      tauStart: tauShape,
      until: tauShape,
      writes,
      checks: list(check),
      traceparent,
      map: optional(list(whole<MapVersion>())) as Shape<readonly MapVersion[]>,
      inOrder: optional(truth) as Shape<boolean>,
    }),
    struct<CommitAnswer>({ verdict, clock }),
  ],
  outcome: [struct({ kind: always('outcome'), clock, id: idShape, tauStart: tauShape }), outcome],
  prepare: [
    struct({
      kind: always('prepare'),
      clock,
      id: idShape,
      tauStart: tauShape,
      until: tauShape,
      writes: list(mark),
      checks: list(check),
      map: optional(list(whole<MapVersion>())) as Shape<readonly MapVersion[]>,
    }),
    struct<VoteAnswer>({ vote, clock }),
  ],
  settle: [struct({ kind: always('settle'), clock, id: idShape, until: tauShape, tauCommit: maybe(tauShape) }), stamped],
  holdings: [struct({ kind: always('holdings'), clock }), struct<HoldingsAnswer>({ holdings, clock })],
  move: [
    struct({ kind: always('move'), clock, range, to: partitionShape }),
    byKind<MoveAnswer>({
      sealed: struct({ kind: always('sealed'), version: whole<MapVersion>() }),
      refused: struct({ kind: always('refused'), code: words, message: utf8 }),
    }),
  ],
}

export const storageShapes: Shapes<StorageRequests> = {
  get: [
    struct({ kind: always('get'), clock, tauStart: tauShape, vector, key, traceparent: optional(traceparent) as Shape<string> }),
    maybe(struct<NonNullable<GetAnswer>>({ postImage: bytes, tau: tauShape })),
  ],
  scan: [
    struct({
      kind: always('scan'),
      clock,
      tauStart: tauShape,
      vector,
      range,
      reverse: truth,
      rowsMax: whole(),
      bytesMax: whole(),
      layout: optional(struct<RowLayout>({ types: list(whole()), missing: list(valueShape) })) as Shape<RowLayout>,
      filter: optional(predicate) as Shape<Predicate>,
      skip: optional(list(key)) as Shape<readonly Key[]>,
      aggregates: optional(list(aggregate)) as Shape<readonly StorageAggregate[]>,
      traceparent: optional(traceparent) as Shape<string>,
    }),
    struct<ScanAnswer>({
      keys: list(key),
      rows: list(bytes),
      keysRead: whole(),
      resume: maybe(key),
      aggregates: optional(list(valueShape)) as Shape<ScanAnswer['aggregates'] & object>,
    }),
  ],
  vacuum: [struct({ kind: always('vacuum'), clock }), always(undefined)],
}

export const postImagesShape = struct<PostImages>({
  partition: partitionShape,
  sequence: sequenceShape,
  tau: tauShape,
  writes,
  traceparents: list(traceparent),
  staged: optional(whole()) as Shape<number>,
})

export const ownedShape = struct<OwnedNews>({ kind: always('owned'), clock, partition: partitionShape, epoch: whole() })

export const replicaShape = struct<ReplicaNews>({ kind: always('replica'), clock, shard: whole(), name: words })

export const rollCallShape = struct<RollCall>({ kind: always('rollCall'), clock, call: words })

export const spansAskedShape = struct<SpansAsked>({
  kind: always('spansAsked'),
  clock,
  call: words,
  traceIds: latin1(32 * 200),
})

export const spansToldShape = struct<SpansTold>({ kind: always('spansTold'), clock, call: words, spans: utf8 })

export const presentShape = struct<Present>({
  kind: always('present'),
  clock,
  call: words,
  process: utf8,
  roles: list(words),
  serves: truth,
  upMs: whole(),
  listens: utf8,
  partitions: list(
    struct<PresentPartition>({ partition: partitionShape, epoch: maybe(whole<Epoch>()), applied: maybe(sequenceShape) }),
  ),
})

export const stagingShape = struct<Staging>({ kind: oneOf(['stage', 'unstage']), partition: partitionShape, writes: packed })
