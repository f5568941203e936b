import { type Notice, SqlError } from '../../protocol/errors.ts'
import type { Oid } from '../../protocol/ids.ts'
import type { PlanCache } from './plan-cache.ts'
import { bind } from './sql/bind/bind.ts'
import type { BoundResult, OutputColumn } from './sql/bind/bound.ts'
import type { BindScope } from './sql/bind/scope.ts'
import { compilePlan } from './sql/execute/execute.ts'
import type { ParsedStatement } from './sql/parse.ts'
import type { Plan } from './sql/plan/node.ts'
import { plan } from './sql/plan/plan.ts'

/** Shorter texts are planned in no time; in characters. */
export const longTextMin = 8_192

/** A statement as it was bound and planned against one catalog under one environment (search path, date style ...). */
export interface Planned {
  readonly catalogVersion: string
  readonly environment: string
  readonly bound: BoundResult
  readonly plan: Plan
}

/** A parsed statement that can be run many times: of a simple query, of Parse, of PREPARE. */
export class PreparedStatement {
  readonly parsed: ParsedStatement
  /** SelectStmt, InsertStmt, VariableSetStmt ... */
  readonly kind: string
  readonly given: readonly Oid[]
  private planned: Planned | undefined
  private readonly cacheKey: string | undefined
  /** Parameter types once they are known; those that a client was told stay when the statement is planned again. */
  parameterTypes: readonly Oid[]

  /** Parse and PREPARE find out what their parameters are; a simple query has none but those it was given. */
  infersParameters = false

  /** Of PREPARE, not of Parse. */
  isFromSql = false
  /** Microseconds since 2000-01-01. */
  preparedAt = 0n

  runs = 0

  /** `cacheKey`: under which other statements share the plan; undefined: nobody does. */
  constructor(parsed: ParsedStatement, given: readonly Oid[], cacheKey: string | undefined) {
    this.parsed = parsed
    this.cacheKey = cacheKey
    this.kind = nodeKind(parsed.node)
    this.given = given
    this.parameterTypes = given
  }

  get isPlannable(): boolean {
    return plannable.has(this.kind)
  }

  get body(): unknown {
    return (this.parsed.node as Readonly<Record<string, unknown>>)[this.kind]
  }

  get columns(): readonly OutputColumn[] | undefined {
    return this.planned?.bound.columns
  }

  /** The plan there is, if it still holds. */
  known(catalogVersion: string, environment: string): Planned | undefined {
    const { planned } = this
    return planned?.catalogVersion === catalogVersion && planned.environment === environment ? planned : undefined
  }

  /** The plan for this catalog and environment: the one there is, or a new one. Throws the binder's errors. */
  plan(cache: PlanCache, scope: PlanScope, environment: string, canChangeColumns: boolean): Planned {
    const work = this.planning(cache, scope, environment, canChangeColumns)
    for (;;) {
      const step = work.next()
      if (step.done === true) return step.value
    }
  }

  /** The same, which can stand still between its parts: of a long text each takes its time. */
  *planning(cache: PlanCache, scope: PlanScope, environment: string, canChangeColumns: boolean): Generator<void, Planned> {
    const known = this.planned
    const catalogVersion = scope.catalog.version
    if (known !== undefined && known.catalogVersion === catalogVersion && known.environment === environment) return known
    // What a client was told its parameters are stays so. Literals are of the types that the catalog of now gives them.
    const types = this.infersParameters ? this.parameterTypes : this.given
    const key = this.sharedKey(types)
    const shared = key === undefined ? undefined : cache.find(key, catalogVersion, environment)
    const warned: Notice[] = []
    const planned = shared ?? (yield* this.make({ ...scope, notice: (notice) => warned.push(notice) }, types, environment))
    for (const notice of warned) scope.notice?.(notice)
    if (known !== undefined && !canChangeColumns && !sameColumns(known.bound.columns, planned.bound.columns)) {
      throw new SqlError('0A000', 'cached plan must not change result type')
    }
    // Who is to be warned is warned every time.
    if (shared === undefined && key !== undefined && warned.length === 0) cache.keep(key, planned)
    this.parameterTypes = planned.bound.parameters
    return (this.planned = planned)
  }

  /** Types found under an earlier catalog are part of the key: who prepares the text now may find others. */
  private sharedKey(types: readonly Oid[]): string | undefined {
    return this.cacheKey === undefined || types === this.given ? this.cacheKey : `${types.join(',')} of ${this.cacheKey}`
  }

  private *make(scope: PlanScope, types: readonly Oid[], environment: string): Generator<void, Planned> {
    const { positionOf, node } = this.parsed
    if (!this.infersParameters && this.parsed.text.includes('$')) refuseParameters(node, this.given.length, positionOf)
    const bound = bind(node, { ...scope, parameterTypes: types, positionOf })
    yield
    const made = plan(bound, scope.catalog)
    yield
    compilePlan(made)
    yield
    return { catalogVersion: scope.catalog.version, environment, bound, plan: made }
  }
}

export type PlanScope = Omit<BindScope, 'parameterTypes' | 'positionOf'>

const plannable = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'])

interface ParamRef {
  readonly number?: number
  readonly location?: number
}

/** 42P02 for the first parameter beyond those there are. */
function refuseParameters(node: unknown, count: number, positionOf: ParsedStatement['positionOf']): void {
  if (typeof node !== 'object' || node === null) return
  for (const [name, value] of Object.entries(node)) {
    if (name !== 'ParamRef') refuseParameters(value, count, positionOf)
    else {
      const { number = 0, location } = value as ParamRef
      const position = positionOf(location)
      if (number > count)
        throw new SqlError('42P02', `there is no parameter $${number}`, position === undefined ? {} : { position })
    }
  }
}

/** libpg-query wraps every node in an object with one member: its kind. */
export function nodeKind(node: unknown): string {
  for (const kind in node as object) return kind
  return ''
}

function sameColumns(a: readonly OutputColumn[] | undefined, b: readonly OutputColumn[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return (
    a.length === b.length &&
    a.every((column, i) => {
      const other = b[i] as OutputColumn
      return column.type.oid === other.type.oid && column.type.typmod === other.type.typmod && column.name === other.name
    })
  )
}
