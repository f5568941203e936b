import fc from 'fast-check'
import type { Fault } from './fault-plan.ts'
import { hasFailed, type RunOptions, type RunReport, simulate } from './run.ts'

const runsMax = 60
const timeMsMax = 120_000

/**
 * The shortest fault list with which this seed still fails: fast-check drops faults one by one and in groups. Every random stream has a purpose
 * of its own, so that what is left happens as before. Answers the report of the smallest failing run.
 */
export async function shrink(options: Omit<RunOptions, 'faults'>, faults: readonly Fault[]): Promise<RunReport> {
  let smallest = await simulate({ ...options, faults })
  if (!hasFailed(smallest)) return smallest
  const property = fc.asyncProperty(fc.subarray([...faults]), async (some) => {
    if (some.length >= smallest.faults.length) return
    const report = await simulate({ ...options, faults: some })
    if (!hasFailed(report)) return
    smallest = report
    throw new Error('still fails')
  })
  await fc.check(property, { numRuns: runsMax, seed: options.seed, interruptAfterTimeLimit: timeMsMax })
  return dropOneByOne(options, smallest)
}

/** What is left is needed: without any one of its faults the run is good. */
async function dropOneByOne(options: Omit<RunOptions, 'faults'>, failing: RunReport): Promise<RunReport> {
  let smallest = failing
  for (let i = smallest.faults.length - 1; i >= 0; i--) {
    const report = await simulate({ ...options, faults: smallest.faults.filter((_, at) => at !== i) })
    if (hasFailed(report)) smallest = report
  }
  return smallest
}
