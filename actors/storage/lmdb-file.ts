import type { Files } from '../../bus/world.ts'

/** LMDB's own words (mdb.c of lmdb-js): a page header, and in each of the first two pages a meta record with the roots of two trees. */
const magic = 0xbeefc0de
const metaFlag = 0x08
const flagsAt = 18
const magicAt = 24
const pageBytesAt = 48
const rootsAt = [88, 136] as const
const metaBytes = 144
const noRoot = 2n ** 64n - 1n

interface Meta {
  readonly pageBytes: number
  readonly roots: readonly bigint[]
}

/**
 * What is wrong with an LMDB file, or undefined. LMDB maps what it is given and follows it: a file of something else, or the first half of one,
 * would end the process without a word. Damage within a page is not looked for; what must not be lost has the journal's checks.
 */
export function damageOf(files: Files, path: string): string | undefined {
  if (!files.exists(path)) return undefined
  const file = files.open(path, 'read')
  try {
    if (file.size === 0) return undefined
    const first = readMeta(file.readAt(0, metaBytes))
    const second = first && readMeta(file.readAt(first.pageBytes, metaBytes))
    if (first === undefined || second === undefined) return 'it is no LMDB file'
    // The newer of the two may be ahead of its pages after a power cut; LMDB then goes by the other.
    if ([first, second].every((meta) => pointsBeyond(meta, file.size))) return 'its end is missing'
    return undefined
  } finally {
    file.close()
  }
}

function readMeta(bytes: Buffer): Meta | undefined {
  if (bytes.length < metaBytes || (bytes.readUInt16LE(flagsAt) & metaFlag) === 0 || bytes.readUInt32LE(magicAt) !== magic)
    return undefined
  return { pageBytes: bytes.readUInt32LE(pageBytesAt), roots: rootsAt.map((at) => bytes.readBigUInt64LE(at)) }
}

function pointsBeyond({ pageBytes, roots }: Meta, size: number): boolean {
  return roots.some((root) => root !== noRoot && (root + 1n) * BigInt(pageBytes) > BigInt(size))
}
