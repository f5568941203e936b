import { type Database, open, type RootDatabase, type Transaction } from 'lmdb'
import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'
import type { Sequence } from '../../protocol/ids.ts'
import { tau } from '../../protocol/time.ts'
import { type AppliedPosition, nothingApplied, type StoredPositions } from './version-store.ts'

export type Table = Database<Buffer, string>
export type ReadTransaction = Transaction

/** What lies in a storage directory; `version-store-lmdb.ts` says how. */
export interface LmdbTables {
  readonly environment: RootDatabase<Buffer, string>
  readonly rows: Table
  readonly history: Table
  readonly meta: Table
}

/** In `meta`. */
export const positionsName = 'positions'
/** There while writes of a record are on disk and the others are not. */
export const partialName = 'partial'
/** There while a snapshot is being loaded: what has come of it is nothing yet. */
export const loadingName = 'loading'

const mapBytes = 2 ** 40

/** Keys are binary strings: one byte per char, straight into LMDB's own buffer. */
const keyEncoder = {
  writeKey: (key: string, target: Buffer, at: number): number => at + target.latin1Write(key, at, key.length),
  readKey: (source: Buffer, start: number, end: number): string => source.latin1Slice(start, end),
}
/** Values are handed out as they lie in LMDB's buffer, valid until the next read. */
const encoder = { encode: (value: Buffer): Buffer => value, decode: (bytes: Buffer): Buffer => bytes }
const codec = { keyEncoder, encoder } as const

/** `readOnly`: beside the process that writes there, without disturbing it. */
export function openTables(directory: string, readOnly = false): LmdbTables {
  // Without batches per turn: each write is in a batch of ours, and a batch of LMDB's own would fail where nobody listens.
  const environment = open<Buffer, string>({
    path: directory,
    mapSize: mapBytes,
    maxReaders: 64,
    eventTurnBatching: false,
    readOnly,
    ...codec,
  })
  const table = (name: string): Table => environment.openDB<Buffer, string>({ name, ...codec })
  return { environment, rows: table('rows'), history: table('history'), meta: table('meta') }
}

export function encodePositions({ versionHorizon, positions }: StoredPositions): Buffer {
  const writer = new ByteWriter(64)
  writer.varint(versionHorizon)
  writer.varint(positions.length)
  for (let p = 0; p < positions.length; p++) {
    const { sequence, tau } = positions[p] ?? nothingApplied
    writer.varint(sequence)
    writer.varint(tau)
  }
  return writer.take()
}

export function decodePositions(bytes: Buffer): StoredPositions {
  const reader = new ByteReader(bytes)
  const versionHorizon = tau(reader.varint())
  const positions: AppliedPosition[] = []
  for (let left = reader.varint(); left > 0; left--)
    positions.push({ sequence: reader.varint() as Sequence, tau: tau(reader.varint()) })
  return { versionHorizon, positions }
}
