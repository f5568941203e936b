/** The run-time monitor's eyes are an oracle of every run over several partitions: they find what records show, and nothing where nothing is wrong. */
import { expect, test } from 'vitest'
import { partitionBugs } from './planted-bugs-partitions.ts'
import { simulate } from './run.ts'

const settings = { partitions: 2, apart: true, movesMs: 0, workloads: ['list-append'] }
const only = new Set(['list-append', 'monitor: FirstCommitterWins'])

test.each(['a yes enters nothing', 'a promise is removed by a timeout'])('%s: the monitor raises the alarm', async (name) => {
  const bug = partitionBugs.find((one) => one.name === name)
  const remove = bug?.plant()
  try {
    for (let seed = 1; seed <= 100; seed++) {
      const { violations } = await simulate({ seed, steps: 200, settings, only })
      if (violations.some(({ oracle }) => oracle === 'monitor: FirstCommitterWins')) return
    }
    expect.unreachable('not found within 100 seeds')
  } finally {
    remove?.()
  }
})
