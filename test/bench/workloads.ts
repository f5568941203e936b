/** What is measured: pgbench scripts and statements over a table of a million rows. `goal` is a ratio of throughputs, taudb over PostgreSQL. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { client, type Measure, pgbenchRound, type Side, timedRound } from './side.ts'

export interface Workload {
  readonly name: string
  readonly clients: number
  readonly goal: string
  /** Rounds at most, where one takes long. */
  readonly roundsMax?: number
  round(side: Side, seconds: number, directory: string): Measure
}

/** pgbench's scale: 100,000 accounts. */
export const scale = 1
const accounts = 100_000 * scale
export const tableRows = 1_000_000
const copiedRows = 200_000
const insertedRows = 50_000
const rowsPerInsert = 1_000

const transfer = `\\set a random(1, ${accounts})
\\set b random(1, ${accounts})
\\set d random(1, 100)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance - :d WHERE aid = :a;
UPDATE pgbench_accounts SET abalance = abalance + :d WHERE aid = :b;
COMMIT;
`

const columns = '(id int PRIMARY KEY, grp int, amount numeric(12,2), name text)'

function row(id: number): readonly [number, number, string, string] {
  return [id, (id * 7_919) % 1_000, `${id % 10_000}.${String(id % 100).padStart(2, '0')}`, `name of row ${id}`]
}

function rows(count: number): string {
  let text = ''
  for (let id = 1; id <= count; id++) text += `${row(id).join('\t')}\n`
  return text
}

function inserts(): string {
  let text = ''
  for (let id = 1; id <= insertedRows; id++) {
    const [, grp, amount, name] = row(id)
    text += id % rowsPerInsert === 1 ? 'INSERT INTO inserted VALUES ' : ', '
    text += `(${id}, ${grp}, ${amount}, '${name}')`
    if (id % rowsPerInsert === 0) text += ';\n'
  }
  return text
}

/** Writes scripts and data to be loaded. */
export function writeFiles(directory: string): void {
  writeFileSync(join(directory, 'transfer.sql'), transfer)
  writeFileSync(join(directory, 'table.tsv'), rows(tableRows))
  writeFileSync(join(directory, 'copied.tsv'), rows(copiedRows))
  writeFileSync(join(directory, 'inserted.sql'), inserts())
}

export function loadAccounts(side: Side, directory: string): void {
  client(side, 'pgbench', ['-i', '-q', '-s', String(scale)], directory)
}

export function loadTable(side: Side, directory: string): void {
  client(side, 'psql', ['-q', '-c', `CREATE TABLE scanned ${columns}`, '-c', '\\copy scanned FROM table.tsv'], directory)
}

const select = ['-S']
const conflicts = ['--max-tries=20']
const transfers = ['-f', 'transfer.sql', ...conflicts]
const tpcb = ['-b', 'tpcb-like', ...conflicts]
const simpleUpdate = ['-b', 'simple-update', ...conflicts]

type Protocol = 'simple' | 'prepared'

function pgbench(name: string, clients: number, protocol: Protocol, script: readonly string[], goal = 'report'): Workload {
  const words = ['-c', String(clients), '-M', protocol, '-s', String(scale), ...script]
  return { name, clients, goal, round: (side, seconds, directory) => pgbenchRound(side, words, seconds, directory) }
}

/** A query over the table: throughput counts the rows it looks at. */
function scan(name: string, sql: string): Workload {
  const round = (side: Side, _: number, directory: string): Measure => timedRound(side, ['-c', sql], tableRows, directory)
  return { name, clients: 1, goal: '>= 0.33', roundsMax: 5, round }
}

function load(name: string, table: string, words: readonly string[], count: number): Workload {
  const round = (side: Side, _: number, directory: string): Measure => {
    client(side, 'psql', ['-q', '-c', `DROP TABLE IF EXISTS ${table}`, '-c', `CREATE TABLE ${table} ${columns}`], directory)
    return timedRound(side, words, count, directory)
  }
  return { name, clients: 1, goal: '>= 0.5', roundsMax: 3, round }
}

export const workloads: readonly Workload[] = [
  pgbench('point select, prepared', 8, 'prepared', select, '>= 0.7'),
  pgbench('point select, simple', 8, 'simple', select, '>= 0.7'),
  pgbench('point select, prepared', 1, 'prepared', select),
  pgbench('two-row transfer', 1, 'prepared', transfers),
  pgbench('two-row transfer', 8, 'prepared', transfers, '>= 0.8'),
  pgbench('two-row transfer', 32, 'prepared', transfers, '>= 1.0'),
  pgbench('two-row transfer', 64, 'prepared', transfers, '>= 1.0'),
  pgbench('TPC-B (one branch)', 8, 'prepared', tpcb),
  pgbench('TPC-B without branches (-N)', 8, 'prepared', simpleUpdate),
  scan('count of 1M rows', 'SELECT count(*) FROM scanned'),
  scan('aggregates of 1M rows', 'SELECT count(*), sum(grp), max(id), avg(grp) FROM scanned'),
  scan('filter over 1M rows', 'SELECT count(*) FROM scanned WHERE grp = 77'),
  scan('GROUP BY over 1M rows', 'SELECT grp % 10, count(*), sum(id) FROM scanned GROUP BY 1 ORDER BY 1'),
  load('COPY, rows', 'copied', ['-c', '\\copy copied FROM copied.tsv'], copiedRows),
  load('INSERT of 1,000 rows, rows', 'inserted', ['-f', 'inserted.sql'], insertedRows),
]

/** One process with its journal on one nats-server that syncs every append. The transfers are the curve of what a commit costs with many clients. */
export const natsWorkloads: readonly Workload[] = [
  pgbench('nats: point select, prepared', 8, 'prepared', select, '>= 0.7'),
  pgbench('nats: two-row transfer', 1, 'prepared', transfers),
  pgbench('nats: two-row transfer', 8, 'prepared', transfers, '>= 0.8'),
  pgbench('nats: two-row transfer', 16, 'prepared', transfers),
  pgbench('nats: two-row transfer', 32, 'prepared', transfers),
  pgbench('nats: two-row transfer', 64, 'prepared', transfers, '>= 1.5'),
]
