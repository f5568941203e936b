/** Deterministic runs of several partitions under faults, in one process and apart. One seed decides everything. */
import { expect, test } from 'vitest'
import { commandFor, hasFailed, simulate } from './run.ts'

const isLong = process.env.TAUDB_TEST_LONG === '1'
const seeds = isLong ? 1_500 : 45
const steps = 300

/** Every kind must happen somewhere in the sweep: what never happens is not tested. */
const kinds = [
  'committed over several partitions',
  'told: abandoned',
  'promise met by a writer',
  'promise met by a reader',
  'promise left at tauMax',
  'closed asked',
  'move completed',
  'move completed by a successor',
  'refused: the places are elsewhere',
  'killed at a move',
  'leader killed after a vote',
  'fault append lost',
  'fault append late',
  'fault append refused',
  'fault acknowledgement lost',
  'fault message dropped',
  'fault message duplicated',
  'fault crash',
]

test(`${seeds} seeds: transactions over several partitions are whole, seen by whoever begins later, and lose to nobody they should have met`, {
  timeout: seeds * 5_000,
}, async () => {
  const counters = new Map<string, number>()
  let committed = 0
  let takeOvers = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const settings = { partitions: 2 + (seed % 2) }
    const report = await simulate({ seed, steps, settings })
    if (hasFailed(report)) {
      const lines = report.violations.map(({ promise, oracle, detail }) => `${promise} (${oracle}): ${detail}`)
      const stack = report.error instanceof Error ? report.error.stack : ''
      throw new Error(`${lines.join('\n')}\n${stack}\nrepeat: ${commandFor(report, { steps, settings })}`)
    }
    committed += report.committed
    for (const [name, count] of report.counters) counters.set(name, (counters.get(name) ?? 0) + count)
    if (report.settings.apart) takeOvers += (report.counters.get('claim accepted') ?? 0) - settings.partitions
  }
  expect(committed).toBeGreaterThan(seeds * 100)
  expect(takeOvers).toBeGreaterThan(0)
  expect(kinds.filter((kind) => (counters.get(kind) ?? 0) === 0)).toEqual([])
})
