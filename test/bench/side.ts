/** The two servers that are compared, seen alike: a port, the processes whose CPU counts, and the programs that load them. */
import { spawnSync } from 'node:child_process'
import { clientProgram } from '../integration/debian-clients.ts'
import { cpuSeconds } from './postgres.ts'

export interface Side {
  readonly name: 'taudb' | 'postgres'
  readonly port: number
  pids(): readonly number[]
}

/** What one round measured; latencies in milliseconds, CPU in microseconds per unit of work over all server processes. */
export interface Measure {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly cpuMicros: number
  /** What the statement answered: both sides must say the same. */
  readonly answer?: string
}

const outputBytesMax = 1 << 28

/** Runs pgbench or psql against a side; throws what it complained of. */
export function client(side: Side, program: 'pgbench' | 'psql', words: readonly string[], directory: string): string {
  const address = ['-h', '127.0.0.1', '-p', String(side.port), '-U', 'postgres']
  const { status, stdout, stderr } = spawnSync(clientProgram(program), [...address, ...words, 'postgres'], {
    encoding: 'utf8',
    cwd: directory,
    maxBuffer: outputBytesMax,
  })
  if (status !== 0 || /^(psql:.*)?ERROR:/m.test(stderr)) throw new Error(`${side.name}: ${program} ${words.join(' ')}: ${stderr}`)
  return stdout
}

/** One pgbench run. Every tenth transaction's latency is logged; --max-tries lets conflicts be tried again, as pgbench does for PostgreSQL. */
export function pgbenchRound(side: Side, words: readonly string[], seconds: number, directory: string): Measure {
  const before = cpuSeconds(side.pids())
  const log = ['-l', '--sampling-rate=0.1', `--log-prefix=${side.name}`]
  const output = client(side, 'pgbench', ['-n', '-j', '1', '-T', String(seconds), ...words, ...log], directory)
  const cpu = cpuSeconds(side.pids()) - before
  const count = Number(/transactions actually processed: (\d+)/.exec(output)?.[1])
  const sampled = spawnSync('sh', ['-c', `cat ${side.name}.* && rm -f ${side.name}.*`], {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: outputBytesMax,
  })
  const latencies = sampled.stdout
    .split('\n')
    .map((line) => Number(line.split(' ')[2]) / 1_000)
    .filter((ms) => ms > 0)
  const perSecond = Number(/tps = ([\d.]+)/.exec(output)?.[1])
  return { perSecond, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), cpuMicros: (cpu * 1e6) / count }
}

/** One statement or script, timed by psql. `units`: how many rows it is about. */
export function timedRound(side: Side, words: readonly string[], units: number, directory: string): Measure {
  const before = cpuSeconds(side.pids())
  const output = client(side, 'psql', ['-X', '-qtA', '-c', '\\timing on', ...words], directory)
  const cpu = cpuSeconds(side.pids()) - before
  const times = [...output.matchAll(/^Time: ([\d.]+) ms/gm)].map(([, ms]) => Number(ms))
  const total = times.reduce((sum, ms) => sum + ms, 0)
  const answer = output.replaceAll(/^Time: .*\n/gm, '').trim()
  const latency = { p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
  return { perSecond: (units / total) * 1_000, ...latency, cpuMicros: (cpu * 1e6) / units, answer }
}

/** Of each figure its own median. */
export function median(measures: readonly Measure[]): Measure {
  const middle = (of: (measure: Measure) => number): number => quantile(measures.map(of), 0.5)
  return {
    perSecond: middle((m) => m.perSecond),
    p50: middle((m) => m.p50),
    p99: middle((m) => m.p99),
    cpuMicros: middle((m) => m.cpuMicros),
  }
}

export function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN
}
