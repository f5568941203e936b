import type { Layout } from '../plan/node.ts'
import type { Row } from './frame.ts'
import type { HashKey } from './kernels.ts'
import type { Run } from './run.ts'
import { SpilledRows } from './spill-rows.ts'

const partitionCount = 16
/** Each level divides by `partitionCount`: what does not fit after these is one key's rows, held in memory or refused. */
export const partitionDepthMax = 4

/** FNV-1a over the key's text; every depth mixes differently, or one level's partition would be one partition of the next. */
function partitionOf(key: HashKey | null, depth: number): number {
  const text = typeof key === 'string' ? key : String(key)
  let hash = 0x811c9dc5 ^ Math.imul(depth + 1, 0x9e3779b1)
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash ^= hash >>> 15
  return (Math.imul(hash, 0x85ebca6b) >>> 16) % partitionCount
}

/** Rows divided by key into files, each small enough to be worked on alone. */
export class Partitions {
  readonly parts: readonly SpilledRows[]
  private readonly depth: number

  constructor(run: Run, layout: Layout, depth: number, what: string) {
    this.depth = depth
    this.parts = Array.from({ length: partitionCount }, () => new SpilledRows(run, layout, what))
  }

  add(row: Row, key: HashKey | null): void {
    this.parts[partitionOf(key, this.depth)]?.add(row)
  }

  partitionOf(key: HashKey | null): number {
    return partitionOf(key, this.depth)
  }

  release(): void {
    for (const part of this.parts) part.release()
  }
}
