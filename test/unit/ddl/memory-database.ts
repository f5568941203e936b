import { CatalogCache } from '../../../actors/query-processor/sql/catalog/load.ts'
import type { CatalogSnapshot } from '../../../actors/query-processor/sql/catalog/snapshot.ts'
import { type DdlContext, type DdlResult, executeDdl } from '../../../actors/query-processor/sql/ddl/ddl.ts'
import type { Access, RowScan, ScanSpecification } from '../../../actors/query-processor/sql/execute/access.ts'
import type { Run } from '../../../actors/query-processor/sql/execute/run.ts'
import type { FunctionContext } from '../../../actors/query-processor/sql/functions/registry.ts'
import { parse } from '../../../actors/query-processor/sql/parse.ts'
import { type Notice, SqlError } from '../../../protocol/errors.ts'
import type { Key, KeyRange } from '../../../protocol/key.ts'
import type { Mode } from '../../../protocol/messages.ts'
import { outputDefaults } from '../../../protocol/values/type.ts'

/** Rows by key, read in order: what a transaction sees, without time or conflicts. */
export class MemoryRows {
  readonly rows: Map<Key, Uint8Array>
  readonly written = new Map<Key, Mode>()
  readonly checks: { key?: Key; range?: KeyRange; mode: Mode }[] = []
  private rowId = 0

  constructor(rows: ReadonlyMap<Key, Uint8Array> = new Map()) {
    this.rows = new Map(rows)
  }

  get(key: Key): Uint8Array | undefined {
    return this.rows.get(key)
  }

  getLatest(key: Key): Uint8Array | undefined {
    return this.rows.get(key)
  }

  scan({ range, reverse }: ScanSpecification): RowScan {
    const keys = [...this.rows.keys()].filter((key) => key >= range.start && key < range.end).sort()
    if (reverse) keys.reverse()
    let at = 0
    return {
      next: () => {
        const batch = keys.slice(at, (at += 64))
        const rows = batch.map((key) => this.rows.get(key) as Uint8Array)
        return batch.length === 0 ? undefined : { keys: batch, rows, keysRead: batch.length }
      },
    }
  }

  write(key: Key, postImage: Uint8Array | undefined, mode: Mode): void {
    this.written.set(key, mode)
    if (postImage === undefined) this.rows.delete(key)
    else this.rows.set(key, postImage)
  }

  check(key: Key, mode: Mode): void {
    this.checks.push({ key, mode })
  }

  checkRange(range: KeyRange): void {
    this.checks.push({ range, mode: 'R' })
  }

  nextRowId(): Key {
    return (++this.rowId).toString().padStart(8, '0') as Key
  }

  nextSequenceValue(): bigint {
    throw new Error('sequences are asked through the session')
  }
}

/** One session over rows in memory: DDL statements one by one, each committed. */
export class MemoryDatabase {
  rows = new MemoryRows()
  readonly notices: Notice[] = []
  readonly cache = new CatalogCache()
  searchPath = ['public']
  inTransactionBlock = false
  private drawn = 0
  private oids = 16_384

  get catalog(): CatalogSnapshot {
    return this.cache.load(this.rows) as CatalogSnapshot
  }

  /** Runs DDL statements; rows and catalog stay as they were when one fails. */
  async run(sql: string): Promise<DdlResult[]> {
    const results: DdlResult[] = []
    for (const statement of parse(sql)) {
      const rows = new MemoryRows(this.rows.rows)
      const context = this.context(rows, statement)
      const result = await executeDdl(statement.node, context)
      this.rows = rows
      results.push(result)
    }
    return results
  }

  /** The tag, or the error as psql -v VERBOSITY=verbose would tell it. */
  async tell(sql: string): Promise<string> {
    this.notices.length = 0
    try {
      const results = await this.run(sql)
      return [...this.notices.map(tellNotice), ...results.map(({ tag }) => tag)].join('\n')
    } catch (error) {
      if (!(error instanceof SqlError)) throw error
      return [...this.notices.map(tellNotice), tellError(error)].join('\n')
    }
  }

  private context(rows: MemoryRows, statement: ReturnType<typeof parse>[number]): DdlContext {
    const catalog = this.catalog
    return {
      access: rows,
      catalog,
      run: this.statementRun(rows),
      searchPath: this.searchPath,
      user: 'postgres',
      database: 'postgres',
      isAsync: statement.isAsync,
      inTransactionBlock: this.inTransactionBlock,
      isDsql: false,
      roleExists: (name) => name === 'postgres' || name === 'bob',
      positionOf: statement.positionOf,
      newOids: (count) => {
        this.oids += count
        return this.oids - count
      },
      randomBytes: (length) => (++this.drawn).toString().padStart(length, '0'),
      now: 0n,
      notice: (notice) => this.notices.push(notice),
    }
  }

  statementRun(rows: MemoryRows): Run {
    const functions: FunctionContext = {
      settings: { ...outputDefaults, now: 0n },
      catalog: this.catalog,
      transactionTime: 0n,
      statementTime: 0n,
      clockTime: () => 0n,
      user: 'postgres',
      database: 'postgres',
      searchPath: this.searchPath,
      random: () => 0.5,
      randomBytes: (length) => new Uint8Array(length),
      notice: (notice) => this.notices.push(notice),
      setting: () => undefined,
      setSetting: () => undefined,
      nextval: () => 1n,
      currval: () => 1n,
      lastval: () => 1n,
      setval: () => 1n,
      backendId: 1,
      seedRandom: () => undefined,
      transactionId: () => 1n,
      transactionIdIfAssigned: () => 1n,
      transactionStatus: () => null,
      cancelBackend: () => false,
      terminateBackend: () => false,
      sleep: () => Promise.resolve(),
    }
    return {
      access: rows as Access,
      catalog: this.catalog,
      parameters: [],
      functions,
      memory: { take: () => undefined, give: () => undefined, bytesMax: 1e9, bytesUsed: 0 },
      checkInterrupts: () => undefined,
      shouldYield: () => false,
      spill: undefined,
    }
  }
}

function tellNotice({ message, code, fields }: Notice): string {
  const told = `${fields.severity ?? 'NOTICE'}:  ${code}: ${message}`
  return fields.detail === undefined ? told : `${told}\nDETAIL:  ${fields.detail}`
}

export function tellError({ code, message, fields }: SqlError): string {
  const lines = [`ERROR:  ${code}: ${message}`]
  if (fields.detail !== undefined) lines.push(`DETAIL:  ${fields.detail}`)
  if (fields.hint !== undefined) lines.push(`HINT:  ${fields.hint}`)
  if (fields.position !== undefined) lines.push(`at ${fields.position}`)
  return lines.join('\n')
}
