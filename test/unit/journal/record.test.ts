import fc from 'fast-check'
import { expect, test } from 'vitest'
import { epoch, mapVersion, type Owner, partition } from '../../../protocol/ids.ts'
import type { Key } from '../../../protocol/key.ts'
import { journalMessageBytesMax } from '../../../protocol/limits.ts'
import type { CommittedTransaction, Mode, WriteOperation } from '../../../protocol/messages.ts'
import { PackedWrites, packWrites } from '../../../protocol/packed-writes.ts'
import {
  bodyOf,
  bodyParts,
  decodeMessage,
  decodeRecord,
  decodeStaged,
  encodeChecks,
  encodeCommit,
  encodeLast,
  encodePart,
  encodeStage,
  encodeStaged,
  encodeStatement,
  type LastMessage,
  type Message,
  partCount,
  stagedId,
  stagePayloads,
} from '../../../protocol/record.ts'
import { tau } from '../../../protocol/time.ts'

const head = {
  partition: partition(3),
  epoch: epoch(300),
  owner: '0123456789abcdef' as Owner,
  mapVersion: mapVersion(9),
  tau: tau(1_800_000_000_000_001),
  horizon: tau(1_800_000_001_000_000),
}

const bytes = fc.uint8Array({ maxLength: 40 })
const key = bytes.map((some) => Buffer.from(some).latin1Slice() as Key)
const modes = fc.constantFrom<Mode>('X', 'N', 'S', 'R', 'E')
const transactions: fc.Arbitrary<CommittedTransaction> = fc.record({
  id: fc.record({
    leader: fc.nat(9).map(partition),
    epoch: fc.nat(1_000).map(epoch),
    boot: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((some) => Buffer.from(some).latin1Slice()),
    counter: fc.maxSafeNat(),
  }),
  tauStart: fc.nat(2 ** 31 - 1).map((n) => tau(n)),
  traceparent: fc.constantFrom('', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
  writes: fc.array(
    fc.record({
      key,
      operation: fc.constantFrom<WriteOperation>('create', 'update', 'delete'),
      mode: modes,
      postImage: fc.option(
        bytes.map((some) => Buffer.from(some)),
        { nil: undefined },
      ),
    }),
    { maxLength: 5 },
  ),
  checks: fc.array(
    fc.oneof(
      fc.record({ key, mode: modes }),
      fc.record({ range: fc.record({ start: key, end: key }), mode: fc.constant('R' as const) }),
    ),
    { maxLength: 3 },
  ),
})

function lastOf(message: Message): LastMessage {
  if (message.kind === 'part' || message.kind === 'stage') throw new Error('this message ends no record')
  return message
}

/** Through bytes and back. */
function commitAgain(list: readonly CommittedTransaction[]) {
  const body = encodeCommit(list.map((transaction) => ({ transaction })))
  const payloads = [...bodyParts(body)]
  expect(payloads.length).toBe(partCount(body))
  const parts = payloads.slice(0, -1).map((payload, i) => encodePart(head, `hash ${i}`, payload))
  const last = encodeLast('commit', head, 'hash before the last', parts.length, payloads.at(-1) as Buffer)
  for (const message of [...parts, last]) expect(message.length).toBeLessThanOrEqual(journalMessageBytesMax)
  const payloadsAgain = parts.map((part) => {
    const message = decodeMessage(part)
    expect(message).toMatchObject({ kind: 'part', epoch: 300, owner: head.owner })
    return (message as Message & { kind: 'part' }).payload
  })
  const message = lastOf(decodeMessage(last))
  expect(message.parts).toBe(parts.length)
  return decodeRecord(message, payloadsAgain, 'hash 0')
}

/** The writes of one transaction as they are staged: by key, each once, some in a block. */
function blocksOf(transaction: CommittedTransaction, writesMax: number): PackedWrites {
  const writes = [...packWrites([...transaction.writes])]
  const blocks = []
  for (let at = 0; at < writes.length; at += writesMax) blocks.push(...packWrites(writes.slice(at, at + writesMax)).blocks)
  return new PackedWrites(blocks)
}

/** The same by way of a stage, some writes a message. */
function stagedAgain(transaction: CommittedTransaction & { readonly writes: PackedWrites }) {
  const stage: (Message & { kind: 'stage' })[] = []
  for (const piece of [...transaction.writes.blocks.map((block) => block.bytes), ...encodeChecks(transaction.checks)]) {
    for (const payload of stagePayloads(piece)) {
      const bytes = encodeStage(head, 'hash', { stage: 7, index: stage.length, ...payload })
      expect(bytes.length).toBeLessThanOrEqual(journalMessageBytesMax)
      const message = decodeMessage(bytes)
      expect(message).toMatchObject({ kind: 'stage', stage: 7, index: stage.length, owner: head.owner })
      stage.push(message as Message & { kind: 'stage' })
    }
  }
  const end = { stage: 7, messages: stage.length, hash: 'chained' }
  const last = lastOf(decodeMessage(encodeStaged(head, 'hash 0', end, transaction)))
  expect(last).toMatchObject({ kind: 'commit', staged: end })
  expect(stagedId(last)).toEqual(transaction.id)
  return { record: decodeStaged(last, stage), messages: stage.length }
}

test('a commit record comes back as it was, in one piece or staged', () => {
  fc.assert(
    fc.property(fc.array(transactions, { maxLength: 4 }), fc.integer({ min: 1, max: 3 }), (list, writesMax) => {
      const expected = { ...head, kind: 'commit', prevHash: 'hash 0' }
      expect(commitAgain(list)).toEqual({ ...expected, transactions: list })
      for (const one of list) {
        const staged = { ...one, writes: blocksOf(one, writesMax) }
        const { record } = stagedAgain(staged)
        expect(record).toMatchObject({ ...expected, transactions: [{ ...one, writes: {} }] })
        expect(record.kind === 'commit' && [...(record.transactions[0]?.writes ?? [])]).toEqual([...packWrites([...one.writes])])
      }
    }),
    { numRuns: 200 },
  )
})

test('a record above the payload bound goes in parts', () => {
  const transaction: CommittedTransaction = {
    id: { leader: partition(0), epoch: epoch(1), boot: '12345678', counter: 1 },
    tauStart: tau(5),
    traceparent: '',
    checks: [],
    writes: Array.from({ length: 7 }, (_, i) => ({
      key: `key ${i}` as Key,
      operation: 'update',
      mode: 'N',
      postImage: Buffer.alloc(400_000, i),
    })),
  }
  const images = (record: ReturnType<typeof commitAgain>): boolean[] =>
    [...(record.kind === 'commit' ? (record.transactions[0]?.writes ?? []) : [])].map(
      ({ postImage }, i) => postImage !== undefined && Buffer.alloc(400_000, i).equals(postImage),
    )
  expect(images(commitAgain([transaction]))).toEqual(Array(7).fill(true))
  expect(images(stagedAgain({ ...transaction, writes: blocksOf(transaction, 1) }).record)).toEqual(Array(7).fill(true))
  // One write that is larger than a message goes on in the next ones.
  const huge = {
    ...transaction,
    writes: [{ ...[...transaction.writes][0], postImage: Buffer.alloc(3_500_000, 9) }],
  } as typeof transaction
  const { record, messages } = stagedAgain({ ...huge, writes: packWrites([...huge.writes]) })
  expect(messages).toBe(4)
  const [write] = record.kind === 'commit' ? (record.transactions[0]?.writes ?? []) : []
  expect(write?.postImage?.length).toBe(3_500_000)
  expect(Buffer.alloc(3_500_000, 9).equals(write?.postImage ?? Buffer.alloc(0))).toBe(true)
  const exact = bodyOf(Buffer.alloc(journalMessageBytesMax - 128))
  expect([partCount(exact), [...bodyParts(exact)].length]).toEqual([1, 1])
})

test('statements come back as they were', () => {
  const range = { start: 'a' as Key, end: '\xff\xff' as Key }
  for (const statement of [
    { kind: 'epoch', ranges: [range, range] },
    { kind: 'heartbeat', released: true },
    { kind: 'heartbeat', released: false },
    { kind: 'seal', range, to: partition(4) },
    { kind: 'open', range, from: partition(4), sealed: mapVersion(3), floor: tau(77) },
    {
      kind: 'epoch',
      ranges: [],
      sealed: [{ range, to: partition(3), version: mapVersion(2), horizon: tau(70) }],
      opened: [{ from: partition(2), version: mapVersion(9) }],
    },
  ] as const) {
    const message = lastOf(decodeMessage(encodeLast(statement.kind, head, 'before', 0, encodeStatement(statement))))
    expect(decodeRecord(message, [], 'before')).toEqual({ ...head, ...statement, prevHash: 'before' })
  }
})

test('bytes of another format, cut short or with something behind them are refused', () => {
  const message = encodeLast('epoch', head, 'before', 0, encodeStatement({ kind: 'epoch', ranges: [] }))
  expect(() => decodeMessage(Buffer.concat([Buffer.from([9]), message.subarray(1)]))).toThrow('format')
  for (let length = 0; length < message.length - 1; length++) expect(() => decodeMessage(message.subarray(0, length))).toThrow()
  const longer = lastOf(decodeMessage(Buffer.concat([message, Buffer.from([0])])))
  expect(() => decodeRecord(longer, [], '')).toThrow('ends where its message does')
})
