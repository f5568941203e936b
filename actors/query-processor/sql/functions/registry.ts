import type { MaybePromise } from '../../../../bus/bus.ts'
import type { Notice } from '../../../../protocol/errors.ts'
import type { InputSettings } from '../../../../protocol/values/type.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Catalog, SequenceRelation, TypeRef } from '../catalog/schema.ts'

/** What a function may know of the session it runs in. One object per statement execution. */
export interface FunctionContext {
  /** Output and input settings; `settings.now` is the transaction's start. */
  readonly settings: InputSettings
  readonly catalog: Catalog
  /** Microseconds since 2000-01-01. */
  readonly transactionTime: bigint
  readonly statementTime: bigint
  clockTime(): bigint
  /** The text that the client sent. */
  currentQuery?(): string
  readonly user: string
  readonly database: string
  /** Names of the effective search path, pg_catalog only if it stands there explicitly. */
  readonly searchPath: readonly string[]
  /** random(): in [0, 1). */
  random(): number
  /** random() repeats itself from here, for the same seed in [-1, 1]. */
  seedRandom(seed: number): void
  randomBytes(length: number): Uint8Array
  notice(notice: Notice): void
  /** SHOW and SET from SQL functions; undefined = no such parameter. */
  setting(name: string): string | undefined
  setSetting(name: string, value: string, local: boolean): void
  nextval(sequenceOid: number): bigint | Promise<bigint>
  currval(sequenceOid: number): bigint
  lastval(): bigint
  setval(sequenceOid: number, value: bigint, isCalled: boolean): bigint | Promise<bigint>
  /** pg_current_xact_id_if_assigned, pg_backend_pid, version ... */
  readonly backendId: number
  readonly transactionId: () => bigint
  /** Null while the transaction has neither written nor asked for its id. */
  transactionIdIfAssigned(): bigint | null
  /** 'in progress', 'committed', 'aborted'; null where nobody remembers. */
  transactionStatus(id: bigint): string | null | Promise<string | null>
  /** False: there is no such session in this process. */
  cancelBackend(backendId: number): boolean
  terminateBackend(backendId: number): boolean
  /**
   * Rows, by column name, of a system relation that only the session or the process knows: pg_settings, pg_stat_activity,
   * pg_prepared_statements, pg_cursors ... Undefined: the catalog makes them.
   */
  systemRows?(relation: string): Iterable<{ readonly [column: string]: Value }> | undefined
  /** The same, of rows that other processes are asked for. */
  awaitedRows?(relation: string): MaybePromise<Iterable<{ readonly [column: string]: Value }>> | undefined
  /** A sequence's last value as this process gave it out, if its reservation is as new as the counter that was read. */
  lastSequenceValue?(sequence: SequenceRelation, counter: bigint): bigint | undefined
  /** Bytes under a storage id, true or estimated; undefined where nobody can say. */
  storageBytes?(storageId: number): number | undefined
  /** pg_sleep, and anything else that takes its time: resolves or rejects with 57014. */
  sleep(milliseconds: number): Promise<void>
  /** Where calls with huge values are carried out while whoever evaluates waits; undefined: in place. */
  readonly aside?: Aside | undefined
  /** Argument and result types of the call being made, for polymorphic functions. */
}

export interface Aside {
  readonly canWait: boolean
  /** The call's answer, or a throw that whoever evaluates turns into waiting. `source` is pg_proc.prosrc; `at`: where a mistake stands. */
  call(source: string, values: readonly Value[], at?: number): Value
}

/** Types at the call site, known when the expression is compiled: polymorphic functions (array_append, to_jsonb ...) need them. */
export interface CallTypes {
  readonly arguments: readonly TypeRef[]
  readonly result: TypeRef
  /** The last argument is an array given with VARIADIC to a parameter of type "any". */
  readonly variadic?: boolean
}

/**
 * One built-in, found by pg_proc.prosrc (by proname for functions that PostgreSQL writes in SQL). `never[]` because the binder has
 * already made sure of the types; NULLs are seen only by functions that are not strict.
 */
export type ScalarFunction = (context: FunctionContext, ...values: never[]) => Value | Promise<Value>
/** Made once per call site when types matter: `specialize(types)` answers the function to call. */
export interface SpecializedFunction {
  readonly specialize: (types: CallTypes) => ScalarFunction
}
/** Rows one by one; a function with several OUT columns yields SqlRow. */
export type SetFunction = (context: FunctionContext, ...values: never[]) => Iterable<Value>

/** One running aggregate per group. `State` is its own business. Strict transitions skip rows with a NULL argument before `add`. */
export interface AggregateFunction<State = never> {
  readonly start: (types: CallTypes) => State
  /** Returns the new state (or the same, changed in place). */
  readonly add: (context: FunctionContext, state: State, ...values: never[]) => State
  readonly finish: (context: FunctionContext, state: State) => Value
  /** Rows with a NULL argument are not added. */
  readonly skipNulls: boolean
}

export interface Implementations {
  readonly scalar?: Readonly<Record<string, ScalarFunction | SpecializedFunction>>
  readonly set?: Readonly<Record<string, SetFunction | { readonly specializeSet: (types: CallTypes) => SetFunction }>>
  /** By name and argument types as PostgreSQL spells them: 'sum(int4)', 'count()', 'array_agg(anynonarray)'. */
  readonly aggregate?: Readonly<Record<string, AggregateFunction>>
}
