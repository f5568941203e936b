import type { Value } from '../../../../protocol/values/value.ts'
import type { Catalog } from '../catalog/schema.ts'
import type { FunctionContext } from '../functions/registry.ts'
import type { Access } from './access.ts'
import type { AsideCalls } from './aside-calls.ts'

/** Rows on their way up the plan. A row is an array in the operator's column order. */
export type Batch = readonly (readonly Value[])[]

/**
 * Why a stream stands still: `yield` hands the thread to other sessions (a long statement does so every few milliseconds),
 * `wait` needs a promise to settle first (remote storage, pg_sleep). Every operator passes suspensions on; the driver
 * (`query-processor/statement.ts`) acts on them.
 */
export class Suspension {
  readonly promise: Promise<unknown> | undefined

  constructor(promise?: Promise<unknown>) {
    this.promise = promise
  }
}

/** A pull-based operator output: batches and suspensions in any order, ended by return. No promise unless something really waits. */
export type Stream = Generator<Batch | Suspension, void, void>

/** Counts what a statement holds. `take` throws 53200 beyond the limit (operators that can spill do so before). */
export interface MemoryBudget {
  take(bytes: number): void
  give(bytes: number): void
  readonly bytesMax: number
  readonly bytesUsed: number
}

/** One execution of one plan. */
export interface Run {
  readonly access: Access
  readonly catalog: Catalog
  readonly parameters: readonly Value[]
  readonly functions: FunctionContext
  /** Undefined: every call is carried out in place. */
  readonly aside?: AsideCalls | undefined
  readonly memory: MemoryBudget
  /** Throws 57014 once the statement is cancelled or timed out. Called at least every thousand rows. */
  checkInterrupts(): void
  /** True when the time slice is used up: the operator yields a Suspension. Cheap. */
  shouldYield(): boolean
  /** Temporary files for operators that spill; removed when the run ends. */
  readonly spill: SpillArea | undefined
}

export interface SpillArea {
  /** An append-only scratch file, read back from the start. */
  create(): SpillFile
}

export interface SpillFile {
  append(bytes: Uint8Array): void
  readAt(position: number, length: number): Buffer
  readonly size: number
  release(): void
}

/** How many rows were changed, for the command tag. */
export interface Affected {
  rows: number
}
