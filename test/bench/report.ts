/** A line on the screen for people, a line of JSON in `results/history.jsonl` for comparison over time. */
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync } from 'node:fs'
import { cpus, hostname, loadavg } from 'node:os'
import { join } from 'node:path'
import type { Measure } from './side.ts'
import type { Workload } from './workloads.ts'

const results = join(import.meta.dirname, 'results')

export function header(): void {
  const titles = ['clients', 'taudb/s', 'pg/s', 'ratio'].map((title, i) => title.padStart([7, 11, 11, 8][i] as number)).join('')
  const pairs = ['p50 ms (pg)', 'p99 ms (pg)', 'CPU us (pg)'].map((title) => title.padEnd(20)).join('')
  process.stdout.write(`${'workload'.padEnd(30)}${titles}  ${'goal'.padEnd(10)}${pairs}\n`)
}

export function report({ name, clients, goal }: Workload, ours: Measure, theirs: Measure): void {
  const ratio = ours.perSecond / theirs.perSecond
  const pair = (of: (measure: Measure) => number, digits: number): string =>
    `${of(ours).toFixed(digits)} (${of(theirs).toFixed(digits)})`.padEnd(20)
  const line = [
    name.padEnd(30),
    String(clients).padStart(7),
    ours.perSecond.toFixed(0).padStart(11),
    theirs.perSecond.toFixed(0).padStart(11),
    ratio.toFixed(2).padStart(8),
    `  ${goal.padEnd(10)}`,
    pair((measure) => measure.p50, 2),
    pair((measure) => measure.p99, 2),
    pair((measure) => measure.cpuMicros, ours.cpuMicros < 10 ? 2 : 0),
  ].join('')
  process.stdout.write(`${line.trimEnd()}\n`)
  remember({ name, clients, goal, ratio, ours, theirs })
}

export function reportStart(name: string, goal: string, ms: number): void {
  process.stdout.write(`${name.padEnd(48)}${ms.toFixed(0).padStart(6)} ms  ${goal}\n`)
  remember({ name, goal, ms })
}

function remember(entry: object): void {
  mkdirSync(results, { recursive: true })
  const git = (words: string[]): string => spawnSync('git', words, { encoding: 'utf8', cwd: import.meta.dirname }).stdout.trim()
  const commit = git(['rev-parse', '--short', 'HEAD']) + (git(['status', '--porcelain', '--', '../../actors']) === '' ? '' : '+')
  const machine = { host: hostname(), cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg()[0]?.toFixed(1) }
  const about = { at: new Date().toISOString(), commit, node: process.version, ...machine }
  appendFileSync(join(results, 'history.jsonl'), `${JSON.stringify({ ...about, ...entry })}\n`)
}
