import type { MaybePromise } from '../../../../bus/bus.ts'
import { Jsonb, type JsonNode } from '../../../../protocol/values/jsonb.ts'
import { Numeric } from '../../../../protocol/values/numeric.ts'
import { SqlRow, type Value } from '../../../../protocol/values/value.ts'
import type { FunctionContext } from '../functions/registry.ts'
import type { RowStore } from './row-store.ts'
import { type Affected, type Run, type Stream, Suspension } from './run.ts'

export type Row = readonly Value[]

/** A common table while its WITH is open. */
export interface CommonTableState {
  readonly store: RowStore
  /** Rows still to come; undefined when all are in the store. */
  source: Stream | undefined
  /** Of a recursive one: what the step reads. */
  working: RowStore | undefined
}

/** What one execution of one plan holds beside its operators' own state. Compiled expressions own nothing. */
export interface Frame {
  readonly run: Run
  readonly context: FunctionContext
  readonly parameters: readonly Value[]
  /** Columns of enclosing rows, answers of subqueries, results of volatile calls. */
  readonly slots: Value[]
  readonly commonTables: Map<number, CommonTableState>
  /** Things made once per execution, by whoever made them. */
  readonly kept: Map<object, unknown>
  /** Bytes of what is kept: given back when the execution ends. */
  keptBytes: number
  readonly affected: Affected
  /** EXPLAIN ANALYZE counts into these. */
  readonly counters: Counters | undefined
}

export interface Counters {
  keysRead(node: object, keys: number): void
}

export type Evaluate = (row: Row, frame: Frame) => Value
export type Opener = (frame: Frame) => Stream

/** Stands in a slot that nobody has filled for the present row. */
export const unset: Value = new SqlRow([])
export const emptyRow: Row = []

/** Hands the thread to other sessions. */
export const pause = new Suspension()

/** Rows an operator gathers before it passes them on. */
export const batchRows = 512

/** Waits for what may be a promise; the stream is suspended meanwhile. */
export function* settled<T>(value: MaybePromise<T>): Generator<Suspension, T, void> {
  if (!(value instanceof Promise)) return value
  let answer: { readonly value: T } | undefined
  let failure: { readonly error: unknown } | undefined
  const promise = value.then(
    (result) => {
      answer = { value: result }
    },
    (error: unknown) => {
      failure = { error }
    },
  )
  while (answer === undefined && failure === undefined) yield new Suspension(promise)
  if (failure !== undefined) throw (failure as { readonly error: unknown }).error
  return (answer as unknown as { readonly value: T }).value
}

const turnsMax = 256

/**
 * Called in loops over rows: looks from time to time whether to stop or to let others run. How often, the rows tell: one whose expressions
 * take long is followed by a look, cheap ones go by hundreds.
 */
export class Turns {
  private turns = 0
  private turnsPerLook = 1
  private readonly run: Run

  constructor(run: Run) {
    this.run = run
  }

  /** True when the operator should yield `pause`. `rows`: how many turns this call stands for. */
  due(rows = 1): boolean {
    this.turns += rows
    return this.turns >= this.turnsPerLook && this.look()
  }

  private look(): boolean {
    this.turns = 0
    this.run.checkInterrupts()
    const isDue = this.run.shouldYield()
    this.turnsPerLook = isDue ? 1 : Math.min(this.turnsPerLook * 2, turnsMax)
    return isDue
  }
}

/** What a row weighs in memory, roughly: enough to bound it. */
export function rowBytes(row: Row): number {
  let bytes = 32
  for (let i = 0; i < row.length; i++) bytes += valueBytes(row[i] as Value)
  return bytes
}

export function valueBytes(value: Value): number {
  if (typeof value === 'string') return 32 + value.length
  if (typeof value === 'bigint') return 32
  return typeof value === 'object' && value !== null ? 8 + objectBytes(value as object) : 8
}

/** What a document taken apart weighs, for each byte of its stored form. */
const partsWeight = 4

function objectBytes(value: object): number {
  if (value instanceof Uint8Array) return 96 + value.length
  if ('elements' in value) return 48 + rowBytes(value.elements as Row)
  if ('fields' in value) return 48 + rowBytes(value.fields as Row)
  if (value instanceof Jsonb) return 64 + (value.stored === undefined ? nodeBytes(value.root) : value.stored.length * partsWeight)
  return 72
}

function nodeBytes(node: JsonNode): number {
  if (typeof node === 'string') return 24 + node.length
  if (node === null || typeof node === 'boolean') return 8
  if (node instanceof Numeric) return 72
  let bytes = 64
  if (node instanceof Map) for (const [key, value] of node) bytes += 48 + key.length + nodeBytes(value)
  else for (const value of node as readonly JsonNode[]) bytes += nodeBytes(value)
  return bytes
}
