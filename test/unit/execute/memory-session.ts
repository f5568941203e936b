import { bind } from '../../../actors/query-processor/sql/bind/bind.ts'
import type { BindScope } from '../../../actors/query-processor/sql/bind/scope.ts'
import type { CheckConstraint, Column, Index, Table } from '../../../actors/query-processor/sql/catalog/schema.ts'
import { CatalogSnapshot } from '../../../actors/query-processor/sql/catalog/snapshot.ts'
import { execute, executeAtOnce } from '../../../actors/query-processor/sql/execute/execute.ts'
import {
  type Affected,
  type MemoryBudget,
  type Run,
  type SpillFile,
  Suspension,
} from '../../../actors/query-processor/sql/execute/run.ts'
import type { FunctionContext } from '../../../actors/query-processor/sql/functions/registry.ts'
import { parse } from '../../../actors/query-processor/sql/parse.ts'
import { type Plan, plan } from '../../../actors/query-processor/sql/plan/plan.ts'
import { typeOf } from '../../../actors/query-processor/sql/plan/sql-type.ts'
import { SqlError } from '../../../protocol/errors.ts'
import { typeByName } from '../../../protocol/values/registry.ts'
import { type InputSettings, outputDefaults, type SqlType } from '../../../protocol/values/type.ts'
import type { Value } from '../../../protocol/values/value.ts'
import { MemoryAccess } from './memory-access.ts'

const settings: InputSettings = { ...outputDefaults, now: 820_454_400_000_000n }

export interface TableShape {
  readonly columns: string
  readonly primaryKey?: readonly string[]
  readonly unique?: readonly (readonly string[])[]
  /** `a`, `a desc`, `a nulls first` */
  readonly indexes?: readonly (readonly string[])[]
  readonly checks?: readonly string[]
}

export class TestBudget implements MemoryBudget {
  bytesUsed = 0
  readonly bytesMax: number
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }
  take(bytes: number): void {
    this.bytesUsed += bytes
    if (this.bytesUsed > this.bytesMax) throw new SqlError('53200', 'out of memory')
  }
  give(bytes: number): void {
    this.bytesUsed -= bytes
  }
}

class MemoryFile implements SpillFile {
  private bytes = Buffer.alloc(0)
  private readonly session: MemorySession
  constructor(session: MemorySession) {
    this.session = session
    session.filesOpen++
    session.filesMade++
  }
  get size(): number {
    return this.bytes.length
  }
  append(bytes: Uint8Array): void {
    this.bytes = Buffer.concat([this.bytes, bytes])
  }
  readAt(position: number, length: number): Buffer {
    return this.bytes.subarray(position, position + length)
  }
  release(): void {
    this.session.filesOpen--
  }
}

const storedExpression = (text: string) => {
  const select = (parse(`select ${text}`)[0]!.node as { SelectStmt: { targetList: { ResTarget: { val: unknown } }[] } })
    .SelectStmt
  return { node: select.targetList[0]?.ResTarget.val, text }
}

/** SQL over rows in memory: parse, bind, plan, execute, and the rows as psql -A -t would show them. */
export class MemorySession {
  access = new MemoryAccess()
  private readonly tables = new Map<number, Table>()
  catalog = new CatalogSnapshot('0', { schemas: new Map(), relations: new Map() })
  memoryMax = 64 * 1_024 * 1_024
  spills = true
  filesOpen = 0
  filesMade = 0
  suspensions = 0
  /** Every statement is asked to yield at each occasion. */
  impatient = false
  atOnce = true
  lastBudget = new TestBudget(0)
  private oids = 20_000
  private version = 0
  private sequence = 0n
  private seed = 12_345

  table(name: string, shape: TableShape): void {
    const oid = ++this.oids
    const columns = shape.columns.split(',').map((text, i): Column => {
      const [column, type, ...rest] = text.trim().split(/\s+/) as [string, string, ...string[]]
      const words = rest.join(' ')
      const [, value] = /default (.*)$/.exec(words) ?? []
      const [, base, typmod] = /^(\w+)(?:\((\d+)\))?$/.exec(type) as unknown as [string, string, string | undefined]
      return {
        attnum: i + 1,
        name: column,
        type: { oid: (typeByName(base) as SqlType).oid, typmod: typmod === undefined ? -1 : Number(typmod) + 4 },
        notNull: words.includes('not null') || shape.primaryKey?.includes(column) === true,
        dropped: false,
        ...(value !== undefined && { default: storedExpression(value) }),
      }
    })
    const index = (suffix: string, names: readonly string[], unique: boolean, primary: boolean): Index => ({
      oid: ++this.oids,
      name: `${name}_${suffix}`,
      schemaOid: 2200,
      tableOid: oid,
      storageId: this.oids,
      unique,
      primary,
      nullsNotDistinct: false,
      columns: names.map((words) => {
        const [column, ...order] = words.split(' ')
        const descending = order.includes('desc')
        const nullsFirst = order.includes('first') || (descending && !order.includes('last'))
        return { attnum: (columns.find((one) => one.name === column) as Column).attnum, descending, nullsFirst }
      }),
      state: 'valid',
    })
    const bare = (names: readonly string[]): string => names.map((words) => words.split(' ')[0]).join('_')
    const table: Table = {
      kind: 'table',
      oid,
      name,
      schemaOid: 2200,
      owner: 'postgres',
      storageId: oid,
      columns,
      primaryKey: shape.primaryKey && index('pkey', shape.primaryKey, true, true),
      indexes: [
        ...(shape.unique ?? []).map((names) => index(`${bare(names)}_key`, names, true, false)),
        ...(shape.indexes ?? []).map((names) => index(`${bare(names)}_idx`, names, false, false)),
      ],
      checks: (shape.checks ?? []).map((text, i): CheckConstraint => {
        return {
          oid: ++this.oids,
          name: `${name}_${text.split(' ')[0]}_check${i === 0 ? '' : i}`,
          expression: storedExpression(text),
          validated: true,
        }
      }),
      system: false,
    }
    this.tables.set(oid, table)
    const schemas = new Map([[2200, { oid: 2200, name: 'public', owner: 'postgres' }]])
    this.catalog = new CatalogSnapshot(String(++this.version), { schemas, relations: new Map(this.tables) })
  }

  plan(sql: string, parameterTypes: readonly number[] = []): Plan {
    const [statement] = parse(sql)
    if (statement === undefined) throw new Error('an empty statement')
    const scope: BindScope = {
      catalog: this.catalog,
      searchPath: ['public'],
      parameterTypes,
      positionOf: (location) => statement.positionOf(location),
      settings,
      user: 'postgres',
      database: 'postgres',
    }
    return plan(bind(statement.node, scope), this.catalog)
  }

  run(parameters: readonly Value[] = []): Run {
    let slice = 0
    this.lastBudget = new TestBudget(this.memoryMax)
    return {
      access: this.access,
      catalog: this.catalog,
      parameters,
      functions: this.context(),
      memory: this.lastBudget,
      checkInterrupts: () => {},
      shouldYield: () => this.impatient || ++slice % 1_000 === 0,
      spill: this.spills ? { create: () => new MemoryFile(this) } : undefined,
    }
  }

  private context(): FunctionContext {
    return {
      settings,
      catalog: this.catalog,
      transactionTime: settings.now,
      statementTime: settings.now,
      clockTime: () => settings.now,
      user: 'postgres',
      database: 'postgres',
      searchPath: ['public'],
      random: () => {
        this.seed = (this.seed * 1_103_515_245 + 12_345) % 2_147_483_648
        return this.seed / 2_147_483_648
      },
      randomBytes: (length) => new Uint8Array(length),
      notice: () => {},
      setting: () => undefined,
      setSetting: () => {},
      nextval: () => (this.access.remote ? Promise.resolve(++this.sequence) : ++this.sequence),
      currval: () => this.sequence,
      lastval: () => this.sequence,
      setval: (_oid, value) => {
        this.sequence = value
        return value
      },
      backendId: 1,
      seedRandom: (seed) => {
        this.seed = seed
      },
      transactionId: () => 1n,
      transactionIdIfAssigned: () => 1n,
      transactionStatus: () => null,
      cancelBackend: () => false,
      terminateBackend: () => false,
      sleep: () => Promise.resolve(),
    }
  }

  /** Rows as values, with everything awaited. */
  async values(
    sql: string,
    parameters: readonly Value[] = [],
    types: readonly number[] = [],
  ): Promise<readonly (readonly Value[])[]> {
    return (await this.carryOut(this.plan(sql, types), parameters)).rows
  }

  async carryOut(planned: Plan, parameters: readonly Value[]): Promise<{ rows: (readonly Value[])[]; affected: Affected }> {
    const affected: Affected = { rows: 0 }
    const rows: (readonly Value[])[] = []
    try {
      const run = this.run(parameters)
      const atOnce = this.atOnce ? executeAtOnce(planned, run, affected) : undefined
      if (atOnce !== undefined) rows.push(...atOnce)
      else {
        for (const item of execute(planned, run, affected)) {
          if (!(item instanceof Suspension)) rows.push(...item)
          else {
            this.suspensions++
            await item.promise
          }
        }
      }
      this.access.endCommand()
      return { rows, affected }
    } catch (error) {
      this.access.undoCommand()
      throw error
    }
  }

  /** Rows as text; a change without RETURNING as its count; an error as `SQLSTATE message`. */
  async text(sql: string, parameters: readonly Value[] = [], types: readonly number[] = []): Promise<string> {
    try {
      const planned = this.plan(sql, types)
      const { rows, affected } = await this.carryOut(planned, parameters)
      if (planned.columns === undefined) return `${affected.rows}`
      const outputs = planned.columns.map((column) => typeOf(column.type))
      return rows
        .map((row) => row.map((value, i) => (value === null ? '' : (outputs[i] as SqlType).output(value, settings))).join('|'))
        .join('\n')
    } catch (error) {
      if (!(error instanceof SqlError)) throw error
      return `${error.code} ${error.message}${error.fields.detail === undefined ? '' : ` / ${error.fields.detail}`}`
    }
  }
}
