import { hash } from 'node:crypto'
import { assert } from './assert.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { epoch, mapVersion, type Owner, partition } from './ids.ts'
import type { Key, KeyRange } from './key.ts'
import { journalMessageBytesMax } from './limits.ts'
import type {
  Check,
  CommittedTransaction,
  JournalRecord,
  Mode,
  OpenedUpTo,
  RangesStated,
  RecordHead,
  SealedRange,
  Write,
} from './messages.ts'
import { encodeWrite, flagsOf, readPacked, WriteCursor } from './packed-writes.ts'
import { type Tau, tau } from './time.ts'

/**
 * How a record lies in its journal. A record is one message, or, above the payload bound, several (rule 19): parts that carry the first
 * bytes of the body, then the last message with everything else, which alone is the commit point.
 *
 *     message = format (u8) | kind (u8) | partition | epoch | owner (16) | hash of the message before (length, bytes)
 *               | not in a part: map version | tau | horizon | parts before it | rest of the body
 *
 * Numbers are varints. `parts` counts the parts right before that belong to it: what stands before those was never finished and is void.
 *
 * A large transaction goes another way, so that nobody waits for it: its writes and checks are staged in messages that other records may
 * stand between, and its record, which alone is the commit point, is one small message that names the stage.
 *
 *     stage  = head as above | sequence of the stage's first message | index (0, 1 ...) | 1: the last write goes on in the next, else 0 | writes
 *     staged = head of a record as above with 0 parts | stage | messages | their chained hash | transaction head
 */
const format = 1
const kinds = ['part', 'epoch', 'commit', 'heartbeat', 'seal', 'open', 'stage', 'staged'] as const
type Kind = (typeof kinds)[number]
const modes: readonly Mode[] = ['X', 'N', 'S', 'R', 'E']
/** Room for everything but the body in a message. */
const headBytesMax = 128
const payloadBytesMax = journalMessageBytesMax - headBytesMax
/** Checks of a large transaction in one message. */
const checksMax = 2_000

const hashBytes = 16

/** The hash that names a message and that the next one carries. */
export function messageHash(message: Uint8Array): string {
  return hash('sha256', message, 'buffer').latin1Slice(0, hashBytes)
}

/** What every message of a record says about its writer. */
export interface Writer {
  readonly partition: RecordHead['partition']
  readonly epoch: RecordHead['epoch']
  readonly owner: Owner
}

/* ---------------------------------------------------------------- writing */

/** The body of a record in pieces, each encoded once. Large transactions are encoded in slices and joined here without a copy. */
export interface Body {
  readonly pieces: readonly Buffer[]
  readonly bytes: number
}

export const bodyOf = (piece: Buffer): Body => ({ pieces: [piece], bytes: piece.length })

const scratch = new ByteWriter(65_536)

/** How many messages a body takes. */
export function partCount(body: Body): number {
  return Math.max(1, Math.ceil(body.bytes / payloadBytesMax))
}

/** The payloads of its messages, one after the other: a large body is never copied in one go. */
export function* bodyParts(body: Body): Iterable<Buffer> {
  if (body.pieces.length === 1 && body.bytes <= payloadBytesMax) {
    yield body.pieces[0] as Buffer
    return
  }
  let left = body.bytes
  let part = Buffer.allocUnsafeSlow(Math.min(payloadBytesMax, left))
  let filled = 0
  for (const piece of body.pieces) {
    let from = 0
    while (from < piece.length) {
      const copied = piece.copy(part, filled, from, from + part.length - filled)
      from += copied
      filled += copied
      if (filled < part.length) continue
      left -= filled
      yield part
      part = Buffer.allocUnsafeSlow(Math.min(payloadBytesMax, left))
      filled = 0
    }
  }
}

export function encodePart(writer: Writer, prevHash: string, payload: Buffer): Buffer {
  scratch.reset()
  messageHead('part', writer, prevHash)
  scratch.bytes(payload)
  return scratch.take()
}

/** The last message of a record. `payload` is the rest of its body behind `parts` parts. */
export function encodeLast(
  kind: JournalRecord['kind'],
  head: Omit<RecordHead, 'prevHash'>,
  prevHash: string,
  parts: number,
  payload: Buffer,
): Buffer {
  scratch.reset()
  messageHead(kind, head, prevHash)
  scratch.varint(head.mapVersion)
  scratch.varint(head.tau)
  scratch.varint(head.horizon)
  scratch.varint(parts)
  scratch.bytes(payload)
  return scratch.take()
}

function messageHead(kind: Kind, writer: Writer, prevHash: string): void {
  scratch.u8(format)
  scratch.u8(kinds.indexOf(kind))
  scratch.varint(writer.partition)
  scratch.varint(writer.epoch)
  assert(writer.owner.length === 16, 'an owner is 16 bytes')
  scratch.latin1(writer.owner)
  scratch.lengthLatin1(prevHash)
}

/** The end of a stage: what its record names. */
export interface StageEnd {
  /** Sequence of its first message. */
  readonly stage: number
  readonly messages: number
  /** `chainedHash` over the hashes of its messages. */
  readonly hash: string
}

export const chainedHash = (before: string, hash: string): string => messageHash(Buffer.from(before + hash, 'latin1'))

export interface StageMessage {
  readonly stage: number
  readonly index: number
  /** The write at its end goes on in the next message. */
  readonly goesOn: boolean
  readonly payload: Buffer
}

export function encodeStage(writer: Writer, prevHash: string, { stage, index, goesOn, payload }: StageMessage): Buffer {
  scratch.reset()
  messageHead('stage', writer, prevHash)
  scratch.varint(stage)
  scratch.varint(index)
  scratch.u8(goesOn ? 1 : 0)
  scratch.bytes(payload)
  return scratch.take()
}

/** The record of a staged transaction, whose writes and checks lie in the stage. */
export function encodeStaged(
  head: Omit<RecordHead, 'prevHash'>,
  prevHash: string,
  { stage, messages, hash }: StageEnd,
  transaction: CommittedTransaction,
): Buffer {
  scratch.reset()
  messageHead('staged', head, prevHash)
  scratch.varint(head.mapVersion)
  scratch.varint(head.tau)
  scratch.varint(head.horizon)
  scratch.varint(0)
  scratch.varint(stage)
  scratch.varint(messages)
  scratch.lengthLatin1(hash)
  writeTransactionHead(scratch, transaction)
  return scratch.take()
}

/** What an owner states: epoch, heartbeat, seal, open. Commit bodies come from `encodeTransaction`. */
export type Statement =
  | ({ readonly kind: 'epoch' } & RangesStated)
  | { readonly kind: 'heartbeat'; readonly released: boolean }
  | { readonly kind: 'seal'; readonly range: KeyRange; readonly to: RecordHead['partition'] }
  | {
      readonly kind: 'open'
      readonly range: KeyRange
      readonly from: RecordHead['partition']
      readonly sealed: RecordHead['mapVersion']
      readonly floor: Tau
    }

const bodyWriter = new ByteWriter(65_536)

export function encodeStatement(statement: Statement): Buffer {
  bodyWriter.reset()
  switch (statement.kind) {
    case 'epoch':
      bodyWriter.varint(statement.ranges.length)
      for (const range of statement.ranges) writeRange(bodyWriter, range)
      writeMoves(statement.sealed ?? [], statement.opened ?? [])
      break
    case 'heartbeat':
      bodyWriter.u8(statement.released ? 1 : 0)
      break
    case 'seal':
      writeRange(bodyWriter, statement.range)
      bodyWriter.varint(statement.to)
      break
    case 'open':
      writeRange(bodyWriter, statement.range)
      bodyWriter.varint(statement.from)
      bodyWriter.varint(statement.sealed)
      bodyWriter.varint(statement.floor)
  }
  return bodyWriter.take()
}

/** Behind the ranges, where any have ever been moved: 1 | seals | opened seals. */
function writeMoves(sealed: readonly SealedRange[], opened: readonly OpenedUpTo[]): void {
  if (sealed.length === 0 && opened.length === 0) return
  bodyWriter.u8(1)
  bodyWriter.varint(sealed.length)
  for (const { range, to, version, horizon } of sealed) {
    writeRange(bodyWriter, range)
    for (const number of [to, version, horizon]) bodyWriter.varint(number)
  }
  bodyWriter.varint(opened.length)
  for (const { from, version } of opened) {
    bodyWriter.varint(from)
    bodyWriter.varint(version)
  }
}

function readMoves(reader: ByteReader): Omit<RangesStated, 'ranges'> {
  if (reader.remaining === 0 || reader.buffer[reader.at] !== 1) return {}
  reader.u8()
  const sealed = many(reader.varint(), () => ({
    range: readRange(reader),
    to: partition(reader.varint()),
    version: mapVersion(reader.varint()),
    horizon: tau(reader.varint()),
  }))
  const opened = many(reader.varint(), () => ({ from: partition(reader.varint()), version: mapVersion(reader.varint()) }))
  return { sealed, opened }
}

/** A block of writes, or some checks, as the payloads of messages: several only where one write is larger than a message. */
export function* stagePayloads(piece: Buffer): Iterable<Pick<StageMessage, 'goesOn' | 'payload'>> {
  for (let from = 0; from < piece.length; from += payloadBytesMax) {
    const to = Math.min(piece.length, from + payloadBytesMax)
    yield { payload: piece.subarray(from, to), goesOn: to < piece.length }
  }
}

/** The checks of a large transaction, which follow its writes in the stage. */
export function* encodeChecks(checks: readonly Check[]): Iterable<Buffer> {
  for (let from = 0; from < checks.length; from += checksMax) {
    bodyWriter.reset()
    for (const check of checks.slice(from, from + checksMax)) writeCheck(bodyWriter, check)
    yield bodyWriter.take()
  }
}

/** The whole body of a commit record. */
export function encodeCommit(transactions: readonly { readonly transaction: CommittedTransaction }[]): Body {
  bodyWriter.reset()
  bodyWriter.varint(transactions.length)
  for (const { transaction } of transactions) {
    writeTransactionHead(bodyWriter, transaction)
    for (const { key, operation, mode, postImage } of transaction.writes) {
      encodeWrite(bodyWriter, flagsOf(operation, mode), key, postImage)
    }
    for (const check of transaction.checks) writeCheck(bodyWriter, check)
  }
  return bodyOf(bodyWriter.take())
}

function writeTransactionHead(writer: ByteWriter, { id, tauStart, traceparent, writes, checks }: CommittedTransaction): void {
  writer.varint(id.leader)
  writer.varint(id.epoch)
  writer.lengthLatin1(id.boot)
  writer.varint(id.counter)
  writer.varint(tauStart)
  writer.lengthLatin1(traceparent)
  writer.varint(writes.length)
  writer.varint(checks.length)
}

function writeCheck(writer: ByteWriter, check: Check): void {
  writer.u8(modes.indexOf(check.mode) + ('range' in check ? 16 : 0))
  if ('range' in check) writeRange(writer, check.range)
  else writer.lengthLatin1(check.key)
}

function writeRange(writer: ByteWriter, range: KeyRange): void {
  writer.lengthLatin1(range.start)
  writer.lengthLatin1(range.end)
}

/* ---------------------------------------------------------------- reading */

/** A message taken apart; the body of a record is decoded on demand by `decodeRecord`. */
export type Message =
  | (Writer & { readonly kind: 'part'; readonly prevHash: string; readonly payload: Buffer })
  | (Writer & StageMessage & { readonly kind: 'stage'; readonly prevHash: string })
  | (Omit<RecordHead, 'prevHash'> & {
      readonly kind: JournalRecord['kind']
      readonly prevHash: string
      readonly parts: number
      /** Its one transaction's writes and checks are staged. */
      readonly staged?: StageEnd
      readonly payload: Buffer
    })

/** The message that ends a record. */
export type LastMessage = Exclude<Message, { kind: 'part' | 'stage' }>

/** Throws RangeError or AssertionFailed for bytes that are no message of this format. */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new ByteReader(bytes)
  assert(reader.u8() === format, 'the message is of a format this program knows')
  const kind = kinds[reader.u8()]
  assert(kind !== undefined, 'the message is of a known kind')
  const head = {
    partition: partition(reader.varint()),
    epoch: epoch(reader.varint()),
    owner: reader.latin1(16) as Owner,
    prevHash: reader.lengthLatin1(),
  }
  if (kind === 'part') return { ...head, kind, payload: reader.bytes(reader.remaining) }
  if (kind === 'stage') {
    const [stage, index, goesOn] = [reader.varint(), reader.varint(), reader.u8() === 1]
    return { ...head, kind, stage, index, goesOn, payload: reader.bytes(reader.remaining) }
  }
  const last = {
    ...head,
    mapVersion: mapVersion(reader.varint()),
    tau: tau(reader.varint()),
    horizon: tau(reader.varint()),
    parts: reader.varint(),
  }
  if (kind !== 'staged') return { ...last, kind, payload: reader.bytes(reader.remaining) }
  const staged = { stage: reader.varint(), messages: reader.varint(), hash: reader.lengthLatin1() }
  return { ...last, kind: 'commit', staged, payload: reader.bytes(reader.remaining) }
}

/** The record that ends with `last`, its `parts` before it. `prevHash` of the result is that of its first message. */
export function decodeRecord(last: LastMessage, parts: readonly Buffer[], prevHash: string): JournalRecord {
  const head: RecordHead = {
    partition: last.partition,
    epoch: last.epoch,
    owner: last.owner,
    mapVersion: last.mapVersion,
    tau: last.tau,
    horizon: last.horizon,
    prevHash,
  }
  assert(last.staged === undefined, 'a staged record is decoded with its stage')
  const reader = new ByteReader(parts.length === 0 ? last.payload : Buffer.concat([...parts, last.payload]))
  const record = readBody(last.kind, head, reader)
  assert(reader.remaining === 0, 'a record ends where its message does')
  return record
}

/** The id of a staged transaction: the record itself says it, whatever became of the stage. */
export function stagedId(last: LastMessage): CommittedTransaction['id'] {
  return readTransactionHead(new ByteReader(last.payload)).id
}

/** The record that ends with `last`, its stage's messages in order. */
export function decodeStaged(last: LastMessage, stage: readonly Pick<StageMessage, 'goesOn' | 'payload'>[]): JournalRecord {
  const { partition, epoch, owner, mapVersion, tau, horizon, prevHash, payload } = last
  const { writeCount, checkCount, ...transaction } = readTransactionHead(new ByteReader(payload))
  const pieces: Buffer[] = []
  let fragments: Buffer[] = []
  for (const { goesOn, payload: bytes } of stage) {
    fragments.push(bytes)
    if (goesOn) continue
    pieces.push(fragments.length === 1 ? bytes : Buffer.concat(fragments))
    fragments = []
  }
  const { writes, rest } = readPacked(pieces, writeCount)
  const checks: Check[] = []
  for (const bytes of rest) {
    const reader = new ByteReader(bytes)
    while (reader.remaining > 0) checks.push(readCheck(reader))
  }
  assert(fragments.length === 0 && checks.length === checkCount, 'a stage holds what its record counts')
  const transactions = [{ ...transaction, writes, checks }]
  return { partition, epoch, owner, mapVersion, tau, horizon, prevHash, kind: 'commit', transactions }
}

function readBody(kind: JournalRecord['kind'], head: RecordHead, reader: ByteReader): JournalRecord {
  switch (kind) {
    case 'commit':
      return { ...head, kind, transactions: many(reader.varint(), () => readTransaction(reader)) }
    case 'epoch':
      return { ...head, kind, ranges: many(reader.varint(), () => readRange(reader)), ...readMoves(reader) }
    case 'heartbeat':
      return { ...head, kind, released: reader.u8() === 1 }
    case 'seal':
      return { ...head, kind, range: readRange(reader), to: partition(reader.varint()) }
    case 'open':
      return {
        ...head,
        kind,
        range: readRange(reader),
        from: partition(reader.varint()),
        sealed: mapVersion(reader.varint()),
        floor: tau(reader.varint()),
      }
  }
}

function readTransaction(reader: ByteReader): CommittedTransaction {
  const { writeCount, checkCount, ...head } = readTransactionHead(reader)
  return {
    ...head,
    writes: many(writeCount, () => readWrite(reader)),
    checks: many(checkCount, () => readCheck(reader)),
  }
}

function readTransactionHead(
  reader: ByteReader,
): Omit<CommittedTransaction, 'writes' | 'checks'> & { readonly writeCount: number; readonly checkCount: number } {
  const id = {
    leader: partition(reader.varint()),
    epoch: epoch(reader.varint()),
    boot: reader.lengthLatin1(),
    counter: reader.varint(),
  }
  const tauStart = tau(reader.varint())
  const traceparent = reader.lengthLatin1()
  return { id, tauStart, traceparent, writeCount: reader.varint(), checkCount: reader.varint() }
}

function readWrite(reader: ByteReader): Write {
  const cursor = new WriteCursor(reader.buffer, reader.at)
  assert(cursor.advance(), 'a record holds the writes that it counts')
  reader.at = cursor.next
  return cursor.write
}

function readCheck(reader: ByteReader): Check {
  const flags = reader.u8()
  const mode = modes[flags & 15]
  assert(mode !== undefined, 'a check has a mode')
  if (flags < 16) return { key: reader.lengthLatin1() as Key, mode }
  assert(mode === 'R', 'a range is checked as read')
  return { range: readRange(reader), mode }
}

function readRange(reader: ByteReader): KeyRange {
  return { start: reader.lengthLatin1() as Key, end: reader.lengthLatin1() as Key }
}

function many<T>(count: number, read: () => T): T[] {
  const list: T[] = []
  for (let i = 0; i < count; i++) list.push(read())
  return list
}
