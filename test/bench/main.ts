/**
 * `npm run bench [-- --rounds 5 --seconds 5 --only name]`: taudb and PostgreSQL 15 on loopback, the same pgbench scripts in alternation
 * (A B A B ...), medians and ratios. Machines are shared and noisy: only the ratios mean something.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startServer } from '../integration/server-process.ts'
import { cpuSeconds, startPeer } from './postgres.ts'

interface Workload {
  readonly name: string
  readonly clients: number
  readonly protocol: 'simple' | 'extended' | 'prepared'
  /** A pgbench script; `select` is pgbench's own -S. */
  readonly script: 'select' | 'transfer'
  readonly goal: string
}

const scale = 1
const workloads: readonly Workload[] = [
  { name: 'point select, prepared', clients: 8, protocol: 'prepared', script: 'select', goal: '>= 0.7' },
  { name: 'point select, simple', clients: 8, protocol: 'simple', script: 'select', goal: '>= 0.7' },
  { name: 'two-row transfer', clients: 8, protocol: 'prepared', script: 'transfer', goal: '>= 0.8' },
  { name: 'two-row transfer', clients: 32, protocol: 'prepared', script: 'transfer', goal: '>= 1.0' },
  { name: 'two-row transfer', clients: 64, protocol: 'prepared', script: 'transfer', goal: 'report' },
  { name: 'point select, prepared', clients: 1, protocol: 'prepared', script: 'select', goal: 'report' },
  { name: 'two-row transfer', clients: 1, protocol: 'prepared', script: 'transfer', goal: 'report' },
]

const transfer = `\\set a random(1, ${100_000 * scale})
\\set b random(1, ${100_000 * scale})
\\set d random(1, 100)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance - :d WHERE aid = :a;
UPDATE pgbench_accounts SET abalance = abalance + :d WHERE aid = :b;
COMMIT;
`

interface Measure {
  readonly tps: number
  readonly p50: number
  readonly p99: number
  readonly cpuMicros: number
}

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '5' }, only: { type: 'string' } },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const directory = mkdtempSync(join(tmpdir(), 'taudb-bench-'))

const peer = startPeer(25_432)
if (peer === undefined) {
  process.stdout.write('PostgreSQL is not installed (Debian: apt-get install postgresql-15): nothing to compare with, skipped.\n')
  process.exit(0)
}
const taudb = await startServer(['--port', '0', '--data', join(directory, 'data')])
const sides = [
  { name: 'taudb', port: taudb.port, pids: () => [taudb.pid] },
  { name: 'postgres', port: peer.port, pids: peer.pids },
] as const
try {
  writeFileSync(join(directory, 'transfer.sql'), transfer)
  for (const { name, port } of sides) {
    process.stdout.write(`loading ${name} ...\n`)
    pgbench(port, ['-i', '-q', '-s', String(scale)])
  }
  process.stdout.write(
    `${peer.version}, ${cpus().length} cores, Node ${process.version}, ${rounds} rounds of ${seconds} s in alternation\n\n`,
  )
  process.stdout.write(
    'workload                        clients   taudb/s      pg/s   ratio   goal    p50 ms (pg)     p99 ms (pg)     CPU us (pg)\n',
  )
  for (const workload of workloads) {
    if (values.only !== undefined && !`${workload.name} ${workload.clients}`.includes(values.only)) continue
    const measures: { taudb: Measure[]; postgres: Measure[] } = { taudb: [], postgres: [] }
    for (let round = 0; round < rounds; round++) for (const side of sides) measures[side.name].push(measure(workload, side))
    report(workload, median(measures.taudb), median(measures.postgres))
  }
} finally {
  await taudb.stop()
  peer.stop()
  rmSync(directory, { recursive: true, force: true })
}

function pgbench(port: number, words: string[]): string {
  const { status, stdout, stderr } = spawnSync(
    'pgbench',
    ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', ...words, 'postgres'],
    {
      encoding: 'utf8',
      cwd: directory,
      maxBuffer: 1 << 28,
    },
  )
  if (status !== 0) throw new Error(`pgbench ${words.join(' ')}: ${stderr}`)
  return stdout
}

function measure(workload: Workload, side: (typeof sides)[number]): Measure {
  const script = workload.script === 'select' ? ['-S'] : ['-f', 'transfer.sql', '--max-tries=10']
  const before = cpuSeconds(side.pids())
  const words = [
    '-n',
    '-c',
    String(workload.clients),
    '-j',
    '1',
    '-T',
    String(seconds),
    '-M',
    workload.protocol,
    '-s',
    String(scale),
  ]
  const output = pgbench(side.port, [...words, ...script, '-l', '--sampling-rate=0.1', `--log-prefix=${side.name}`])
  const cpu = cpuSeconds(side.pids()) - before
  const tps = Number(/tps = ([\d.]+)/.exec(output)?.[1])
  const count = Number(/transactions actually processed: (\d+)/.exec(output)?.[1])
  const log = spawnSync('sh', ['-c', `cat ${side.name}.* && rm -f ${side.name}.*`], {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  const latencies = log.stdout
    .split('\n')
    .map((line) => Number(line.split(' ')[2]))
    .filter((micros) => micros > 0)
    .sort((a, b) => a - b)
  const at = (share: number): number => (latencies[Math.floor(latencies.length * share)] ?? Number.NaN) / 1_000
  return { tps, p50: at(0.5), p99: at(0.99), cpuMicros: (cpu * 1e6) / count }
}

function median(measures: readonly Measure[]): Measure {
  const middle = (of: (measure: Measure) => number): number =>
    measures.map(of).sort((a, b) => a - b)[measures.length >> 1] as number
  return {
    tps: middle((m) => m.tps),
    p50: middle((m) => m.p50),
    p99: middle((m) => m.p99),
    cpuMicros: middle((m) => m.cpuMicros),
  }
}

function report(workload: Workload, ours: Measure, theirs: Measure): void {
  const pair = (a: number, b: number, digits: number): string => `${a.toFixed(digits)} (${b.toFixed(digits)})`.padEnd(16)
  const line = [
    workload.name.padEnd(32),
    String(workload.clients).padStart(7),
    ours.tps.toFixed(0).padStart(10),
    theirs.tps.toFixed(0).padStart(10),
    (ours.tps / theirs.tps).toFixed(2).padStart(8),
    `  ${workload.goal.padEnd(8)}`,
    pair(ours.p50, theirs.p50, 2),
    pair(ours.p99, theirs.p99, 2),
    pair(ours.cpuMicros, theirs.cpuMicros, 0),
  ].join('')
  process.stdout.write(`${line}\n`)
  const results = join(import.meta.dirname, 'results')
  mkdirSync(results, { recursive: true })
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname }).stdout.trim()
  const entry = {
    at: new Date().toISOString(),
    commit,
    cores: cpus().length,
    cpu: cpus()[0]?.model,
    node: process.version,
    ...workload,
    ours,
    theirs,
  }
  appendFileSync(join(results, 'history.jsonl'), `${JSON.stringify(entry)}\n`)
}
