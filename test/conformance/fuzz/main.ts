/** `npm run fuzz -- --seed N --seeds K --statements M [--oracle PORT --database NAME]`: random statements on taudb and on PostgreSQL 16. */
import { parseArgs } from 'node:util'
import { startCluster } from '../../../actors/cluster.ts'
import { startOracle } from '../postgres.ts'
import { Comparison, type Difference } from './compare.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    statements: { type: 'string', default: '1000' },
    shown: { type: 'string', default: '10' },
    /** Shows what may differ by the order of computation, too. */
    loose: { type: 'boolean', default: false },
    oracle: { type: 'string' },
    database: { type: 'string', default: 'postgres' },
  },
})

/** The lines that only one of the two has. */
function show(seed: number, { sql, mode, theirs, ours }: Difference): void {
  const only = (lines: readonly string[], other: readonly string[]): string[] =>
    lines.filter((line) => !other.includes(line)).slice(0, 5)
  const parts = [
    `seed ${seed}, ${mode}: ${sql}`,
    ...only(theirs, ours).map((line) => `    PostgreSQL  ${line.slice(0, 300)}`),
    ...only(ours, theirs).map((line) => `    taudb       ${line.slice(0, 300)}`),
  ]
  process.stdout.write(`${parts.join('\n')}\n`)
}

const oracle = values.oracle === undefined ? await startOracle() : undefined
const port = oracle?.port ?? Number(values.oracle)
const refused = new Map<string, number>()
let differences = 0
const from = Number(values.seed)
for (let seed = from; seed < from + Number(values.seeds); seed++) {
  const cluster = await startCluster()
  const comparison = await Comparison.open(port, values.database, cluster.port)
  const { report } = comparison
  try {
    await comparison.run(seed, Number(values.statements))
  } catch (error) {
    process.stdout.write(`seed ${seed}: ${error instanceof Error ? error.stack : error}\n`)
    differences++
  }
  comparison.close()
  await cluster.close()
  differences += report.differences.length
  const shown = values.loose ? [...report.differences, ...report.loose] : report.differences
  for (const difference of shown.slice(0, Number(values.shown))) show(seed, difference)
  for (const [message, count] of report.refused) refused.set(message, (refused.get(message) ?? 0) + count)
  process.stdout.write(
    `seed ${seed}: ${report.compared} compared, ${report.errors} equal errors, ${report.loose.length} by chance, ${report.differences.length} differences\n`,
  )
}
for (const [message, count] of [...refused].sort((a, b) => b[1] - a[1]))
  process.stdout.write(`${String(count).padStart(6)} refused: ${message}\n`)
await oracle?.stop()
process.exitCode = differences === 0 ? 0 : 1
