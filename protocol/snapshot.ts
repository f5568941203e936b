/**
 * A snapshot as it lies in an object store (rule 16): parts with the versions of rows in key order, and at last one object that says that it is
 * complete. Whatever is damaged, missing or of another snapshot is told: every object carries a hash of itself, every part the hash of
 * the one before.
 *
 *     part      'taudb snapshot part 1\n', name, number, hash of the part before, versions, sha256 of all that
 *     version   key, tau, 0 for a tombstone or the post-image's length + 1, post-image; the newest of a key first
 *     end       a line of JSON, sha256 of it in hex
 */
import { hash } from 'node:crypto'
import { ByteReader, ByteWriter } from './bytes.ts'
import { type Epoch, epoch, type MapVersion, mapVersion, type Sequence, sequence } from './ids.ts'
import type { Key } from './key.ts'
import { type Tau, tau } from './time.ts'

/** How far one journal has come into a snapshot. */
export interface SnapshotJournal {
  readonly sequence: Sequence
  readonly tau: Tau
  /** Of the last message at or below `sequence`, in hex: proof that a journal is the one it was taken from. Empty before the first. */
  readonly hash: string
  readonly epoch: Epoch
  /** Every record of the journal at or below it has a sequence at or below `sequence` (rule 13). */
  readonly closed: Tau
}

/** What the last object says. */
export interface SnapshotEnd {
  readonly name: string
  /** Keys in it, in hex; the end is not in it. */
  readonly range: { readonly start: string; readonly end: string }
  readonly mapVersion: MapVersion
  /** Reads below it fail. */
  readonly versionHorizon: Tau
  readonly journals: readonly SnapshotJournal[]
  readonly parts: number
  /** Of the last part; with those in the parts it holds them all together. */
  readonly partHash: string
  readonly versions: number
  readonly bytes: number
}

export interface SnapshotVersion {
  readonly key: Key
  readonly tau: Tau
  /** Undefined: a tombstone. */
  readonly postImage: Uint8Array | undefined
}

/** The snapshot cannot be used, and why. */
export class SnapshotDamaged extends Error {
  override readonly name = 'SnapshotDamaged'
}

const partMagic = 'taudb snapshot part 1\n'
const endMagic = 'taudb snapshot 1'
const hashBytes = 32

export const partName = (snapshot: string, number: number): string => `${snapshot}/part-${String(number).padStart(8, '0')}`
export const endName = (snapshot: string): string => `${snapshot}/complete`

/** Writes the parts of one snapshot, one after the other. */
export class SnapshotPartWriter {
  private readonly writer = new ByteWriter(2 ** 20)
  private readonly name: string
  number = 0
  partHash = ''
  versions = 0
  bytes = 0
  private isEmpty = true

  constructor(name: string) {
    this.name = name
    this.begin()
  }

  /** Of the part being written. */
  get length(): number {
    return this.isEmpty ? 0 : this.writer.length
  }

  add(key: Key, at: Tau, postImage: Uint8Array | undefined): void {
    const { writer } = this
    this.isEmpty = false
    this.versions++
    writer.lengthLatin1(key)
    writer.varint(at)
    writer.varint(postImage === undefined ? 0 : postImage.length + 1)
    if (postImage !== undefined) writer.bytes(postImage)
  }

  /** The part, a copy; what follows is the next one's. */
  take(): Buffer {
    const { writer } = this
    const digest = hash('sha256', writer.view(), 'buffer')
    writer.bytes(digest)
    const part = writer.take()
    this.partHash = digest.toString('hex')
    this.number++
    this.bytes += part.length
    this.begin()
    return part
  }

  private begin(): void {
    const { writer } = this
    writer.reset()
    writer.latin1(partMagic)
    writer.lengthLatin1(this.name)
    writer.varint(this.number)
    writer.lengthLatin1(this.partHash)
    this.isEmpty = true
  }
}

/** Takes the parts of one snapshot in their order. */
export class SnapshotPartReader {
  private readonly name: string
  number = 0
  partHash = ''
  versions = 0
  bytes = 0
  private last: { readonly key: Key; readonly tau: Tau } | undefined

  constructor(name: string) {
    this.name = name
  }

  /** The versions in it; post-images are views. Throws SnapshotDamaged. */
  read(part: Buffer): SnapshotVersion[] {
    const content = part.subarray(0, part.length - hashBytes)
    const digest = hash('sha256', content, 'buffer')
    const where = partName(this.name, this.number)
    if (part.length < hashBytes || !digest.equals(part.subarray(content.length))) throw new SnapshotDamaged(`${where} is damaged`)
    try {
      const versions = this.versionsOf(new ByteReader(content), where)
      this.number++
      this.partHash = digest.toString('hex')
      this.versions += versions.length
      this.bytes += part.length
      return versions
    } catch (error) {
      if (error instanceof SnapshotDamaged) throw error
      throw new SnapshotDamaged(`${where} cannot be read: ${String(error)}`)
    }
  }

  private versionsOf(reader: ByteReader, where: string): SnapshotVersion[] {
    if (reader.latin1(partMagic.length) !== partMagic) throw new SnapshotDamaged(`${where} is no part of a snapshot`)
    if (reader.lengthLatin1() !== this.name || reader.varint() !== this.number || reader.lengthLatin1() !== this.partHash)
      throw new SnapshotDamaged(`${where} does not follow the part before it`)
    const versions: SnapshotVersion[] = []
    while (reader.remaining > 0) {
      const key = reader.lengthLatin1() as Key
      const at = tau(reader.varint())
      const length = reader.varint()
      const postImage = length === 0 ? undefined : reader.bytes(length - 1)
      const { last } = this
      if (last !== undefined && (key < last.key || (key === last.key && at >= last.tau)))
        throw new SnapshotDamaged(`${where}: versions are out of order`)
      this.last = { key, tau: at }
      versions.push({ key, tau: at, postImage })
    }
    return versions
  }

  /** All parts have been read: are they those of which the end speaks? */
  checkAgainst({ parts, partHash, versions, bytes }: SnapshotEnd): void {
    if (this.number !== parts || this.partHash !== partHash || this.versions !== versions || this.bytes !== bytes)
      throw new SnapshotDamaged(`${endName(this.name)} speaks of other parts than there are`)
  }
}

export function encodeEnd(end: SnapshotEnd): Buffer {
  const text = `${JSON.stringify({ about: endMagic, ...end })}\n`
  return Buffer.from(`${text}${hash('sha256', text, 'hex')}\n`)
}

/** Throws SnapshotDamaged. */
export function decodeEnd(name: string, bytes: Buffer): SnapshotEnd {
  const where = endName(name)
  const text = bytes.toString('utf8')
  const line = text.slice(0, text.indexOf('\n') + 1)
  if (line === '' || text !== `${line}${hash('sha256', line, 'hex')}\n`) throw new SnapshotDamaged(`${where} is damaged`)
  const said = JSON.parse(line) as SnapshotEnd & { readonly about: string }
  if (said.about !== endMagic) throw new SnapshotDamaged(`${where} is of another version of taudb: "${said.about}"`)
  if (said.name !== name) throw new SnapshotDamaged(`${where} is the end of ${said.name}`)
  return {
    name,
    range: said.range,
    mapVersion: mapVersion(said.mapVersion),
    versionHorizon: tau(said.versionHorizon),
    journals: said.journals.map((one) => ({
      sequence: sequence(one.sequence),
      tau: tau(one.tau),
      hash: one.hash,
      epoch: epoch(one.epoch),
      closed: tau(one.closed),
    })),
    parts: said.parts,
    partHash: said.partHash,
    versions: said.versions,
    bytes: said.bytes,
  }
}
