/** Deterministic runs of the whole database under faults. One seed decides everything; a failure prints the command that repeats it. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commandFor, hasFailed, type RunReport, simulate } from './run.ts'

const isLong = process.env.TAUDB_TEST_LONG === '1'
const seeds = isLong ? 3_000 : 200
const steps = 300

function expectGood(report: RunReport): void {
  if (!hasFailed(report)) return
  const { violations, error, tail } = report
  const lines = violations.map(({ promise, oracle, detail }) => `${promise} (${oracle}): ${detail}`)
  const stack = error instanceof Error ? error.stack : ''
  throw new Error(`${lines.join('\n')}\n${stack}\n${tail.slice(-20).join('')}repeat: ${commandFor(report, { steps })}`)
}

/** Every kind must happen somewhere in the sweep: an idle fault finds nothing. */
const kinds = [
  'fault crash',
  'process started',
  'fault torn write',
  'fault scattered write',
  'fault lost write',
  'fault message delayed',
  'fault message dropped',
  'fault message duplicated',
  'fault message cut off',
  'fault link cut',
  'fault pause',
  'fault slow sync',
  'fault sync failed',
  'fault disk full',
  'fault clock jump',
  'fault clock rate',
  'process failed and restarted',
  'start refused by the disk',
  'checkpoint',
  'index jobs completed',
]

test(`${seeds} seeds: nothing acknowledged is lost, every snapshot is consistent, and all goes on after the faults`, {
  timeout: seeds * 3_000,
}, async () => {
  const counters = new Map<string, number>()
  let committed = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const report = await simulate({ seed, steps })
    expectGood(report)
    committed += report.committed
    for (const [name, count] of report.counters) counters.set(name, (counters.get(name) ?? 0) + count)
  }
  expect(committed).toBeGreaterThan(seeds * 150)
  process.stderr.write(`${seeds} seeds of the simulator: ${committed} committed transactions\n`)
  expect(kinds.filter((kind) => (counters.get(kind) ?? 0) === 0)).toEqual([])
  // An oracle that forbids write skew would test something else than snapshot isolation.
  const skews = (counters.get('list-append write skews') ?? 0) + (counters.get('long-fork write skews') ?? 0)
  expect(skews).toBeGreaterThan(0)
})

describe('one seed, one run', () => {
  test('twice in one process', async () => {
    const [a, b] = [await simulate({ seed: 11, steps: 120 }), await simulate({ seed: 11, steps: 120 })]
    expect(a.digest).toBe(b.digest)
    expect((await simulate({ seed: 12, steps: 120 })).digest).not.toBe(a.digest)
  })

  test('in another process', { timeout: 60_000 }, async () => {
    const here = await simulate({ seed: 13, steps: 120 })
    const main = join(import.meta.dirname, 'main.ts')
    const there = execFileSync(process.execPath, [main, '--seed', '13', '--steps', '120'], { encoding: 'utf8' })
    expect(there).toContain(`hash ${here.digest.slice(0, 16)}`)
  })
})

test('a restart with the clock an hour back: writes go on at once', async () => {
  const hour = 3_600_000_000
  const report = await simulate({
    seed: 21,
    steps,
    settings: { faultyMs: 8_000, workloads: ['counter', 'bank', 'register'] },
    faults: [
      { kind: 'clock jump', at: 2_000, process: 'circle', by: -hour },
      { kind: 'clock jump', at: 2_000, process: 'processor 1', by: -hour },
      { kind: 'clock jump', at: 2_000, process: 'processor 2', by: -hour },
      { kind: 'crash', at: 2_100, process: 'circle', for: 20 },
    ],
  })
  expectGood(report)
  const without = await simulate({ seed: 21, steps, settings: report.settings, faults: [] })
  expect(report.committed).toBeGreaterThan(without.committed * 0.9)
})
