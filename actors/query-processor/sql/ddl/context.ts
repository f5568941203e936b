import type { MaybePromise } from '../../../../bus/bus.ts'
import { type Notice, notice, SqlError, type SqlErrorFields } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { KeyRange } from '../../../../protocol/key.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { OutputColumn } from '../bind/bound.ts'
import type { BindScope } from '../bind/scope.ts'
import { CatalogDraft } from '../catalog/draft.ts'
import type { Catalog } from '../catalog/schema.ts'
import type { CatalogSnapshot } from '../catalog/snapshot.ts'
import type { Access } from '../execute/access.ts'
import type { Run } from '../execute/run.ts'

/** What one DDL statement is given by the session. */
export interface DdlContext {
  /** The transaction's view, own writes included; DDL reads rows and writes descriptors through it. */
  readonly access: Access & {
    /** Nobody else may have written a key of this range between tauStart and our commit (mode R): what was found in the rows still holds. */
    checkRange(range: KeyRange): void
  }
  readonly catalog: CatalogSnapshot
  /** The catalog at tauStart, without this transaction's own DDL. Absent: every table counts as visible to others. */
  readonly committedCatalog?: Catalog
  /** For expressions evaluated over rows: USING, CHECK, DEFAULT. Its catalog and access are this statement's. */
  readonly run: Run
  /** Schema names, pg_catalog only if it stands there explicitly. */
  readonly searchPath: readonly string[]
  readonly user: string
  readonly database: string
  roleExists(name: string): boolean
  /** CREATE INDEX ASYNC. */
  readonly isAsync: boolean
  /** Inside BEGIN or a multi-statement message: what must run alone is refused. */
  readonly inTransactionBlock: boolean
  /** `compatibility = dsql` */
  readonly isDsql: boolean
  positionOf(byteLocation: number | undefined): number | undefined
  /** The first of `count` oids in a row that nobody has, from transactions of their own. */
  newOids(count: number): MaybePromise<Oid>
  /** Random bytes as a binary string. */
  randomBytes(length: number): string
  /** Microseconds since 2000-01-01, the transaction's start. */
  readonly now: bigint
  /** Lets other sessions have the thread: awaited when `run.shouldYield()` says so. */
  pause?(): Promise<void>
  notice(notice: Notice): void
}

export interface DdlResult {
  readonly tag: string
  /** The catalog with this statement's changes: what the rest of the transaction sees. Give it to `CatalogCache.keep`. */
  readonly catalog: CatalogSnapshot
  /** CREATE INDEX ASYNC answers one row. */
  readonly columns?: readonly OutputColumn[]
  readonly rows?: readonly (readonly Value[])[]
  /** To be started (`Jobs.start`) once the transaction has committed; `wait`: the statement ends when the job has. */
  readonly job?: { readonly id: string; readonly wait: boolean }
  /** Sequences whose reserved blocks are worth nothing any more, once the transaction has committed: `Sequences.forget`. */
  readonly sequencesChanged: readonly Oid[]
}

/** One DDL statement at work. */
export class DdlWork {
  readonly context: DdlContext
  readonly draft: CatalogDraft
  readonly sequencesChanged: Oid[] = []
  job: DdlResult['job']
  rows: DdlResult['rows']
  columns: DdlResult['columns']

  constructor(context: DdlContext, draft = new CatalogDraft(context.catalog)) {
    this.context = context
    this.draft = draft
  }

  /** The same work with a schema before all others: what stands inside CREATE SCHEMA. */
  within(schema: string): DdlWork {
    return new DdlWork({ ...this.context, searchPath: [schema, ...this.context.searchPath] }, this.draft)
  }

  /** The same work, for errors without a place: PostgreSQL has forgotten the text when ALTER TABLE comes to expressions and keys. */
  unplaced(): DdlWork {
    return new DdlWork({ ...this.context, positionOf: () => undefined }, this.draft)
  }

  /** Was the relation there before this transaction? Only then can others write to it. */
  isCommitted(oid: Oid): boolean {
    return this.context.committedCatalog === undefined || this.context.committedCatalog.relationByOid(oid) !== undefined
  }

  async oid(): Promise<Oid> {
    return this.context.newOids(1)
  }

  /** What the binder is told; the catalog is the draft, so that it sees what this statement has made. */
  bindScope(): BindScope {
    const { searchPath, run, user, database } = this.context
    const warn = (warning: Notice): void => this.context.notice(warning)
    const positionOf = (location: number): number | undefined => this.context.positionOf(location)
    const { settings } = run.functions
    const session = { searchPath, settings, user, database, notice: warn }
    return { catalog: this.draft, parameterTypes: [], parametersRefused: true, positionOf, ...session }
  }

  /** Error fields for a place in the statement; none where the tree has none. */
  at(location: number | undefined): SqlErrorFields {
    const position = this.context.positionOf(location ?? 0)
    return position === undefined ? {} : { position }
  }

  error(code: string, message: string, location: number | undefined, more: SqlErrorFields = {}): SqlError {
    return new SqlError(code, message, { ...more, ...this.at(location) })
  }

  refuse(feature: string, location?: number): SqlError {
    return location === undefined
      ? new SqlError('0A000', `${feature} is not supported`)
      : this.error('0A000', `${feature} is not supported`, location)
  }

  notice(message: string, code = '00000', fields: SqlErrorFields = {}): void {
    this.context.notice(notice(message, fields, code))
  }
}
