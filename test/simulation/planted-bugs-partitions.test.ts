/** Proof that the oracles for several partitions can fail: each planted bug is found by the oracle it names. */
import { describe, expect, test } from 'vitest'
import type { PlantedBug } from './planted-bugs.ts'
import { moveBugs } from './planted-bugs-moves.ts'
import { partitionBugs } from './planted-bugs-partitions.ts'
import { type RunOptions, simulate } from './run.ts'

const seedsMax = 200

const optionsFor = ({ workload, oracle, settings, faults }: PlantedBug, seed: number): RunOptions => ({
  seed,
  steps: 200,
  settings: { partitions: 2, apart: true, movesMs: 0, ...settings, workloads: [workload] },
  ...(faults !== undefined && { faults }),
  only: new Set([workload, oracle]),
})

const bugs = [...partitionBugs, ...moveBugs]

describe('planted bugs of several partitions', () => {
  test.each(bugs)('$name: $oracle', { timeout: 120_000 }, async (bug) => {
    const remove = bug.plant()
    try {
      for (let seed = bug.from ?? 1; seed < (bug.from ?? 1) + seedsMax; seed++) {
        const { violations } = await simulate(optionsFor(bug, seed))
        if (violations.some(({ oracle }) => oracle === bug.oracle)) return
      }
      expect.unreachable(`not found within ${seedsMax} seeds`)
    } finally {
      remove()
    }
  })

  test('without them, the same runs are good', { timeout: 60_000 }, async () => {
    for (const bug of bugs) {
      const { violations, error } = await simulate(optionsFor(bug, bug.from ?? 1))
      expect([bug.name, violations, error]).toEqual([bug.name, [], undefined])
    }
  })
})
