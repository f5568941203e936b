import type { MaybePromise } from '../../bus/bus.ts'
import type { Clock, Files } from '../../bus/world.ts'
import { assert } from '../../protocol/assert.ts'
import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'
import type { Partition, Sequence } from '../../protocol/ids.ts'
import {
  droppedStorageId,
  droppedStorageKey,
  type Key,
  type KeyRange,
  keyAfter,
  prefixRange,
  storagePrefix,
} from '../../protocol/key.ts'
import type { GetAnswer, PostImages, Write } from '../../protocol/messages.ts'
import type { PackedWrites } from '../../protocol/packed-writes.ts'
import { type Tau, tau, tauMax, tauZero } from '../../protocol/time.ts'
import { everything } from '../topology.ts'
import { SortedMap } from './sorted-map.ts'
import {
  type AppliedPosition,
  nothingApplied,
  type ScanOptions,
  type StoredPositions,
  type StoreLoad,
  type StoreSnapshot,
  type VersionStore,
  type Visit,
  type VisitVersion,
} from './version-store.ts'
import { Stage, type Version, versionAt, withoutStaged, withStaged, withVersion } from './versions.ts'

/** Writes applied, or versions freed, in one turn. */
const sliceMax = 4_000
const imageFormat = 1

/** A version that makes older ones of its key superfluous once the version horizon has reached it. */
interface Superseding {
  readonly key: Key
  readonly version: Version
}

/** Versions in memory: for `--ephemeral` and the simulator, which lets it write an image of itself to a simulated disk. */
export class MemoryVersionStore implements VersionStore {
  versionHorizon = tauZero
  private readonly clock: Clock
  private readonly image: { readonly files: Files; readonly path: string } | undefined
  private readonly rows = new SortedMap<Version>()
  private positions: AppliedPosition[] = []
  private imagePositions: AppliedPosition[] | undefined
  private superseding: Superseding[] = []
  /** What each journal has staged. */
  private readonly staged: (Stage | undefined)[] = []
  private dropped: { readonly id: number; readonly at: Tau }[] = []
  private bytes = 0

  /** With an image, what is durable is what `checkpoint` wrote last; without, nothing needs to be. */
  constructor(clock: Clock, image?: { readonly files: Files; readonly path: string }) {
    this.clock = clock
    this.image = image
    if (image?.files.exists(image.path)) this.loadImage(image.files.read(image.path))
  }

  get(key: Key, at: Tau): GetAnswer {
    const version = versionAt(this.rows.get(key), at)
    if (version?.postImage === undefined) return undefined
    return { postImage: version.postImage, tau: version.tau }
  }

  scan(range: KeyRange, { reverse, at, keysMax = Number.POSITIVE_INFINITY }: ScanOptions, visit: Visit): Key | undefined {
    const cursor = this.rows.cursor(range.start, range.end, reverse)
    let looked = 0
    while (cursor.advance()) {
      if (looked++ >= keysMax) return cursor.key
      const image = versionAt(cursor.value, at)?.postImage
      if (image === undefined) continue
      const bytes = Buffer.from(image.buffer, image.byteOffset, image.length)
      if (!visit(cursor.key, bytes, 0, image.length)) return undefined
    }
    return undefined
  }

  apply(images: PostImages): MaybePromise<void> {
    const { writes } = images
    if (images.staged !== undefined) return this.applyStaged(images)
    if (Array.isArray(writes) && writes.length <= sliceMax) {
      for (const write of writes) this.write(write, images.tau)
      this.advance(images)
      return undefined
    }
    return this.applySlices(images)
  }

  stage(partition: Partition, writes: PackedWrites): void {
    const stage = this.staged[partition] ?? new Stage()
    this.staged[partition] = stage
    for (const write of writes) {
      this.rows.set(write.key, withStaged(this.rows.get(write.key), write, stage))
      stage.writes.push(write)
      this.bytes += write.key.length + 64 + (write.postImage?.length ?? 0)
    }
  }

  async unstage(partition: Partition): Promise<void> {
    const staged = this.staged[partition]
    this.staged[partition] = undefined
    if (staged === undefined) return
    for (let from = 0; from < staged.writes.length; from += sliceMax) {
      for (const { key, postImage } of staged.writes.slice(from, from + sliceMax)) {
        const after = withoutStaged(this.rows.get(key), staged)
        if (after === undefined) this.rows.delete(key)
        else this.rows.set(key, after)
        this.bytes -= key.length + 64 + (postImage?.length ?? 0)
      }
      await new Promise<void>((resolve) => this.clock.soon(resolve))
    }
  }

  /** What is staged counts from now on. What it supersedes is noted behind: vacuum has minutes. */
  private applyStaged(images: PostImages): MaybePromise<void> {
    const stage = this.staged[images.partition] ?? new Stage()
    this.staged[images.partition] = undefined
    assert(stage.writes.length === images.staged, 'what a record names has been staged whole')
    stage.tau = images.tau
    for (const { key, operation, postImage } of stage.writes) {
      if (operation === 'create' && droppedStorageId(key) === undefined) continue
      this.supersedes(key, this.rows.get(key) as Version, postImage, images.tau)
    }
    this.advance(images)
  }

  private async applySlices(images: PostImages): Promise<void> {
    let written = 0
    for (const write of images.writes) {
      this.write(write, images.tau)
      if (++written % sliceMax === 0) await new Promise<void>((resolve) => this.clock.soon(resolve))
    }
    this.advance(images)
  }

  private write({ key, postImage }: Write, tau: Tau): void {
    const before = this.rows.get(key)
    const after = withVersion(before, tau, postImage)
    if (after !== before) this.rows.set(key, after)
    this.bytes += key.length + 64 + (postImage?.length ?? 0)
    this.supersedes(key, after, postImage, tau)
  }

  private supersedes(key: Key, after: Version, postImage: Uint8Array | undefined, tau: Tau): void {
    if (after.older !== undefined || postImage === undefined) this.superseding.push({ key, version: after })
    const id = droppedStorageId(key)
    if (id !== undefined && postImage !== undefined) this.dropped.push({ id, at: tau })
  }

  private advance({ partition, sequence, tau }: PostImages): void {
    this.positions[partition] = { sequence, tau }
  }

  applied(partition: Partition): AppliedPosition {
    return this.positions[partition] ?? nothingApplied
  }

  synced(partition: Partition): Sequence {
    if (this.image === undefined) return this.applied(partition).sequence
    return (this.imagePositions?.[partition] ?? nothingApplied).sequence
  }

  vacuum(horizon: Tau): boolean {
    this.versionHorizon = tauMax(this.versionHorizon, horizon)
    let freed = 0
    const { superseding } = this
    while (freed < superseding.length && freed < sliceMax && (superseding[freed] as Superseding).version.tau <= horizon) {
      const { key, version } = superseding[freed++] as Superseding
      for (let old = version.older; old !== undefined; old = old.older) this.bytes -= 64 + (old.postImage?.length ?? 0)
      version.older = undefined
      if (version.postImage === undefined && this.rows.get(key) === version) {
        this.rows.delete(key)
        this.bytes -= key.length + 64
      }
    }
    this.superseding = superseding.slice(freed)
    return this.vacuumDropped(horizon, sliceMax - freed) || freed === sliceMax
  }

  /** Rows below storage ids that nobody at or above the horizon can name any more. */
  private vacuumDropped(horizon: Tau, budget: number): boolean {
    const due = this.dropped.findIndex(({ at }) => at <= horizon)
    if (due < 0 || budget <= 0) return due >= 0
    const { id } = this.dropped[due] as { id: number }
    const keys: Key[] = []
    const { start, end } = prefixRange(storagePrefix(id))
    const cursor = this.rows.cursor(start, end, false)
    while (keys.length < budget && cursor.advance()) keys.push(cursor.key)
    for (const key of keys) {
      this.bytes -= key.length + 64 + (this.rows.get(key)?.postImage?.length ?? 0)
      this.rows.delete(key)
    }
    if (keys.length < budget) {
      this.dropped.splice(due, 1)
      this.rows.delete(droppedStorageKey(id))
    }
    return this.dropped.length > 0
  }

  crowded(): boolean {
    return false
  }

  bytesUsed(): number {
    return this.bytes
  }

  /** Writes an image of everything applied, with the positions it contains, in one go. */
  async checkpoint(): Promise<void> {
    assert(this.image !== undefined, 'there is a place for the image')
    const positions = [...this.positions]
    await this.image.files.replace(this.image.path, this.encode())
    this.imagePositions = positions
  }

  async snapshot(): Promise<StoreSnapshot> {
    return new MemorySnapshot(this, this.rows, [...this.positions])
  }

  async load({ positions, versionHorizon }: StoredPositions): Promise<StoreLoad> {
    this.rows.clear()
    this.positions = []
    this.superseding = []
    this.dropped = []
    this.bytes = 0
    return {
      put: async (versions) => {
        for (const { key, tau, postImage } of versions) {
          // What came is a view of a part that goes.
          const kept = postImage === undefined ? undefined : Buffer.from(postImage)
          this.write({ key, operation: 'update', mode: 'X', postImage: kept }, tau)
        }
      },
      complete: async () => {
        this.superseding.sort((a, b) => a.version.tau - b.version.tau)
        this.versionHorizon = versionHorizon
        this.positions = [...positions]
        if (this.image !== undefined) await this.checkpoint()
      },
    }
  }

  async close(): Promise<void> {
    if (this.image !== undefined) await this.checkpoint()
  }

  private encode(): Buffer {
    const writer = new ByteWriter(65_536)
    writer.u8(imageFormat)
    writer.varint(this.versionHorizon)
    writer.varint(this.positions.length)
    for (const { sequence, tau } of this.positions) {
      writer.varint(sequence)
      writer.varint(tau)
    }
    const chains: { readonly key: Key; readonly chain: Version[] }[] = []
    const cursor = this.rows.cursor(everything.start, everything.end, false)
    while (cursor.advance()) {
      const chain: Version[] = []
      // What is staged is nothing yet: its record comes from the journal again.
      for (let version = cursor.value; version !== undefined; version = version.older) {
        if (version.tau !== Number.POSITIVE_INFINITY) chain.push(version)
      }
      if (chain.length > 0) chains.push({ key: cursor.key, chain })
    }
    writer.varint(chains.length)
    for (const { key, chain } of chains) {
      writer.lengthLatin1(key)
      writer.varint(chain.length)
      for (const { tau, postImage } of chain.reverse()) {
        writer.varint(tau)
        writer.varint(postImage === undefined ? 0 : postImage.length + 1)
        if (postImage !== undefined) writer.bytes(postImage)
      }
    }
    return writer.take()
  }

  private loadImage(bytes: Buffer): void {
    const reader = new ByteReader(bytes)
    assert(reader.u8() === imageFormat, 'the image is of a format this program knows')
    this.versionHorizon = tau(reader.varint())
    for (let left = reader.varint(); left > 0; left--) {
      this.positions.push({ sequence: reader.varint() as Sequence, tau: tau(reader.varint()) })
    }
    for (let left = reader.varint(); left > 0; left--) {
      const key = reader.lengthLatin1() as Key
      for (let versions = reader.varint(); versions > 0; versions--) {
        const at = tau(reader.varint())
        const length = reader.varint()
        const postImage = length === 0 ? undefined : Buffer.from(reader.bytes(length - 1))
        this.write({ key, operation: 'update', mode: 'X', postImage }, at)
      }
    }
    this.superseding.sort((a, b) => a.version.tau - b.version.tau)
    this.imagePositions = [...this.positions]
  }
}

/**
 * Rows as they are when the walk comes to them: those of records above the positions may be among them, and whoever loads it gets these
 * records again, or leaves them out.
 */
class MemorySnapshot implements StoreSnapshot {
  readonly positions: readonly AppliedPosition[]
  private readonly store: MemoryVersionStore
  private readonly rows: SortedMap<Version>
  private next = everything.start

  constructor(store: MemoryVersionStore, rows: SortedMap<Version>, positions: readonly AppliedPosition[]) {
    this.store = store
    this.rows = rows
    this.positions = positions
  }

  get versionHorizon(): Tau {
    return this.store.versionHorizon
  }

  walk(bytesMax: number, visit: VisitVersion): boolean {
    const cursor = this.rows.cursor(this.next, everything.end, false)
    let bytes = 0
    while (cursor.advance()) {
      const { key } = cursor
      for (let version: Version | undefined = cursor.value; version !== undefined; version = version.older) {
        // What is staged is nothing yet.
        if (version.tau === Number.POSITIVE_INFINITY) continue
        visit(key, version.tau, version.postImage)
        bytes += 64 + key.length + (version.postImage?.length ?? 0)
        if (version.tau <= this.versionHorizon) break
      }
      if (bytes >= bytesMax) {
        this.next = keyAfter(key)
        return true
      }
    }
    return false
  }

  close(): void {}
}
