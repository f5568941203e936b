/** Proof that the oracles can fail: each planted bug is found by its oracle, and by nothing else when that one looks away. */
import { describe, expect, test } from 'vitest'
import type { PlantedBug } from './planted-bugs.ts'
import { plantedBugs } from './planted-bugs-data.ts'
import { type RunOptions, simulate } from './run.ts'
import { shrink } from './shrink.ts'

const seedsMax = 200

function optionsFor({ workload, oracle, settings, faults }: PlantedBug, seed: number): RunOptions {
  return {
    seed,
    steps: workload === 'bulk' ? 30 : 200,
    settings: { ...settings, workloads: [workload] },
    ...(faults !== undefined && { faults }),
    only: new Set([workload, oracle]),
  }
}

describe('planted bugs', () => {
  test.each(plantedBugs)('$name: $oracle', { timeout: 120_000 }, async (bug) => {
    const remove = bug.plant()
    try {
      const first = bug.from ?? 1
      for (let i = 0; i < seedsMax; i++) {
        const options = optionsFor(bug, 1 + ((first - 1 + i) % seedsMax))
        const { violations } = await simulate(options)
        if (!violations.some(({ oracle }) => oracle === bug.oracle)) continue
        const blind = await simulate({ ...options, blind: new Set([bug.oracle]) })
        if (blind.violations.length > 0 || (blind.error !== undefined && bug.oracle !== 'assertion')) continue
        return
      }
      expect.unreachable(`not found within ${seedsMax} seeds`)
    } finally {
      remove()
    }
  })

  test('without them, the same runs are good', { timeout: 60_000 }, async () => {
    for (const bug of plantedBugs.filter(({ workload }) => workload !== 'bulk')) {
      const { violations, error } = await simulate(optionsFor(bug, bug.from ?? 1))
      expect([bug.name, violations, error]).toEqual([bug.name, [], undefined])
    }
  })
})

test('a failing fault list shrinks to the fault that matters', { timeout: 60_000 }, async () => {
  const bug = plantedBugs.find(({ name }) => name === 'the journal is trimmed above what storage has synced') as PlantedBug
  const remove = bug.plant()
  try {
    const { faults: crash, ...options } = optionsFor(bug, bug.from ?? 1)
    const others = [
      { kind: 'pause', at: 500, process: 'processor 1', for: 50 },
      { kind: 'slow sync', at: 4_000, for: 200 },
      { kind: 'clock rate', at: 5_000, process: 'circle', rate: 1.01 },
    ] as const
    const shrunk = await shrink(options, [...others, ...(crash ?? [])])
    expect(shrunk.faults).toEqual(crash)
  } finally {
    remove()
  }
})
