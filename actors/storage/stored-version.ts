import type { Key } from '../../protocol/key.ts'
import type { Tau } from '../../protocol/time.ts'

/** A version as it lies on disk: flags (u8), tau (f64, big endian), post-image. */
export const versionHeadBytes = 9
const isTombstone = 1
/** In history: the next newer version is a tombstone, so that vacuum looks whether the key itself can go. */
export const beforeTombstone = 2

const arenaBytes = 65_536

/** Bytes that LMDB's writer reads later: many versions share one buffer, and nobody changes them afterwards. */
export class Arena {
  private buffer = Buffer.allocUnsafeSlow(arenaBytes)
  private filled = 0

  version(tau: Tau, postImage: Uint8Array | undefined): Buffer {
    const bytes = this.take(versionHeadBytes + (postImage?.length ?? 0))
    bytes[0] = postImage === undefined ? isTombstone : 0
    bytes.writeDoubleBE(tau, 1)
    if (postImage !== undefined) bytes.set(postImage, versionHeadBytes)
    return bytes
  }

  /** A version as it goes into history. */
  copy(version: Uint8Array, flags: number): Buffer {
    const bytes = this.take(version.length)
    bytes.set(version.subarray(0, version.length))
    bytes[0] = ((bytes[0] as number) & isTombstone) | flags
    return bytes
  }

  private take(length: number): Buffer {
    if (this.filled + length > this.buffer.length) {
      this.buffer = Buffer.allocUnsafeSlow(Math.max(arenaBytes, length))
      this.filled = 0
    }
    this.filled += length
    return this.buffer.subarray(this.filled - length, this.filled)
  }
}

const scratch = Buffer.alloc(8)

/** Positive doubles sort like their big-endian bytes. */
export function historyKey(newer: Tau, key: Key): string {
  scratch.writeDoubleBE(newer)
  return scratch.latin1Slice(0, 8) + key
}

export function historyTau(key: string): Tau {
  scratch.latin1Write(key.slice(0, 8), 0)
  return scratch.readDoubleBE() as Tau
}

export function tauOf(version: Uint8Array): Tau {
  return asBuffer(version).readDoubleBE(1) as Tau
}

export function isDeleted(version: Uint8Array): boolean {
  return ((version[0] as number) & isTombstone) !== 0
}

/** Large values come as plain views of LMDB's map. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
