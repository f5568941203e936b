/** Random statements on two servers, and what their answers say of each other. */
import { Client, type Mode, type Statement } from '../client.ts'
import { Chance } from './chance.ts'
import { change } from './change.ts'
import { damaged } from './damage.ts'
import { expression, nothing } from './expression.ts'
import { types } from './forms.ts'
import { QueryMaker } from './query.ts'
import { makeTables, type Table } from './tables.ts'

export interface Difference {
  readonly sql: string
  readonly mode: Mode
  readonly theirs: readonly string[]
  readonly ours: readonly string[]
}

export interface Report {
  compared: number
  /** Both gave the same error. */
  errors: number
  /** One gave an error that may or may not come, by which row or condition is computed first. */
  readonly loose: Difference[]
  /** What taudb refuses by name, and how often. */
  readonly refused: Map<string, number>
  readonly differences: Difference[]
}

interface Asked {
  readonly sql: string
  readonly ordered: boolean
  /** Without rows everything is computed, or nothing. */
  readonly strict: boolean
}

const statement = (sql: string): Statement => ({ file: '', line: 0, sql, parameters: undefined, copy: [], several: false })

export class Comparison {
  readonly report: Report = { compared: 0, errors: 0, loose: [], refused: new Map(), differences: [] }
  private readonly theirs: Client
  private readonly ours: Client
  private mode: Mode = 'simple'

  private constructor(theirs: Client, ours: Client) {
    this.theirs = theirs
    this.ours = ours
  }

  /** In `database` of PostgreSQL the tables t1, t2 ... are ours. */
  static async open(oraclePort: number, database: string, taudbPort: number): Promise<Comparison> {
    const comparison = new Comparison(await Client.connect(oraclePort, database), await Client.connect(taudbPort, 'postgres'))
    // Without it PostgreSQL may compute what a join then has no row for.
    await comparison.both("set statement_timeout = '10s'")
    return comparison
  }

  close(): void {
    this.theirs.close()
    this.ours.close()
  }

  /** About so many statements, from one seed. */
  async run(seed: number, statements: number): Promise<void> {
    const chance = new Chance(seed)
    const tables = makeTables(chance)
    // What a run that was killed has left.
    for (const { name } of tables) await this.both(`drop table if exists ${name} cascade`)
    for (const sql of tables.flatMap((table) => table.statements)) await this.ask({ sql, ordered: false, strict: true })
    const queries = new QueryMaker(chance, tables)
    for (let left = statements; left > 0; left--) {
      this.mode = chance.pick(['simple', 'extended'])
      const kind = chance.below(10)
      if (kind < 3) await this.ask({ sql: constant(chance), ordered: false, strict: true })
      else if (kind < 7) await this.ask({ ...queries.statement(), strict: false })
      else if (kind < 8) await this.mistaken(chance, queries, tables)
      else await this.changed(chance, queries, tables)
    }
    for (const { name } of tables) await this.both(`drop table ${name} cascade`)
  }

  private async changed(chance: Chance, queries: QueryMaker, tables: readonly Table[]): Promise<void> {
    const { sql, table } = change(chance, queries, tables)
    await this.both('begin')
    let same = await this.ask({ sql, ordered: false, strict: false })
    if (same) same = await this.ask({ sql: `select * from ${table.name}`, ordered: false, strict: false })
    // Now and then a change stays, unless the servers may have parted over it.
    await this.both(same && chance.percent(30) ? 'commit' : 'rollback')
  }

  /** A statement with mistakes: most of them end in an error, which must be the same in all its fields. */
  private async mistaken(chance: Chance, queries: QueryMaker, tables: readonly Table[]): Promise<void> {
    const right = chance.pick([
      () => constant(chance),
      () => queries.statement().sql,
      () => change(chance, queries, tables).sql,
    ])()
    await this.both('begin')
    await this.ask({ sql: damaged(chance, right, constant(chance)), ordered: false, strict: false })
    await this.both('rollback')
  }

  private async both(sql: string): Promise<void> {
    await Promise.all([this.theirs.run(statement(sql), 'simple'), this.ours.run(statement(sql), 'simple')])
  }

  /** Whether both gave the same answer. */
  private async ask({ sql, ordered, strict }: Asked): Promise<boolean> {
    const [theirs, ours] = await Promise.all([this.theirs, this.ours].map((client) => client.run(statement(sql), this.mode)))
    const [a, b] = [theirs as string[], ours as string[]].map((lines) => (ordered ? lines : [...lines].sort()))
    this.report.compared++
    const failed = code(a as string[]) !== undefined
    if ((a as string[]).join('\n') === (b as string[]).join('\n')) {
      if (failed) this.report.errors++
      return !failed
    }
    if ((b as string[]).some((line) => known.test(line))) return false
    const refusal = code(b as string[]) === '0A000' && (b as string[]).find((line) => line.startsWith('message '))
    const isByChance = !strict && (byChance(code(a as string[])) || byChance(code(b as string[])))
    const list = isByChance ? this.report.loose : this.report.differences
    if (refusal) this.report.refused.set(refusal, (this.report.refused.get(refusal) ?? 0) + 1)
    else list.push({ sql, mode: this.mode, theirs: a as string[], ours: b as string[] })
    return false
  }
}

const constant = (chance: Chance): string => `select ${expression(chance, chance.pick(types), 3, nothing)}`

const code = (lines: readonly string[]): string | undefined =>
  lines.find((line) => line.startsWith('code '))?.slice('code '.length)

/**
 * Differences that are meant: a whole row is a record, since tables have no row types of their own; and the grammar of libpg-query names one
 * character of the junk behind a number.
 */
const known = /^message .*\brecord\b|^columns .*:2249:|^message the row type |^message trailing junk after numeric literal/

/** Errors of single values (22...), and a timeout. */
const byChance = (sqlstate: string | undefined): boolean =>
  sqlstate?.startsWith('22') === true || sqlstate === '57014' || sqlstate === '21000'
