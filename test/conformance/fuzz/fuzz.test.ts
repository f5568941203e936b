/**
 * A short run of random statements on taudb and on PostgreSQL 16; longer ones: `npm run fuzz -- --seed N --seeds K --statements M`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCluster } from '../../../actors/cluster.ts'
import { type Oracle, oracleAvailable, startOracle } from '../postgres.ts'
import { Comparison } from './compare.ts'

let oracle: Oracle

describe.skipIf(!oracleAvailable)('random statements', () => {
  beforeAll(async () => {
    oracle = await startOracle()
  })

  afterAll(() => oracle?.stop())

  test('have the answers of PostgreSQL', async () => {
    const cluster = await startCluster()
    const comparison = await Comparison.open(oracle.port, 'postgres', cluster.port)
    await comparison.run(20_240_229, 250)
    comparison.close()
    await cluster.close()
    const { report } = comparison
    expect(report.differences.map(({ sql, theirs, ours }) => `${sql}\n${theirs.join('\n')}\n---\n${ours.join('\n')}`)).toEqual([])
    expect(report.compared).toBeGreaterThan(250)
    expect(report.errors).toBeGreaterThan(15)
    expect(report.loose.length, 'most answers can be compared').toBeLessThan(report.compared / 20)
  }, 60_000)
})
