/** `npm run simulate -- --seed N --steps M [--seeds K] [--faults JSON] [--tail]`: deterministic runs of the whole database under faults. */
import { parseArgs } from 'node:util'
import type { Fault } from './fault-plan.ts'
import { type RunReport, simulate } from './run.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    steps: { type: 'string', default: '400' },
    faults: { type: 'string' },
    tail: { type: 'boolean', default: false },
  },
})

let failures = 0
const totals = new Map<string, number>()
let committed = 0
for (let seed = Number(values.seed); seed < Number(values.seed) + Number(values.seeds); seed++) {
  const faults = values.faults === undefined ? {} : { faults: JSON.parse(values.faults) as Fault[] }
  const report = await simulate({ seed, steps: Number(values.steps), ...faults })
  committed += report.committed
  for (const [name, count] of report.counters) totals.set(name, (totals.get(name) ?? 0) + count)
  const failed = report.error !== undefined || report.violations.length > 0
  if (failed) failures++
  if (failed || Number(values.seeds) <= 20) print(report)
}
process.stdout.write(`\n${values.seeds} seeds, ${committed} committed transactions, ${failures} failed\n`)
for (const [name, count] of [...totals].sort(([a], [b]) => (a < b ? -1 : 1))) {
  if (!name.startsWith('event')) process.stdout.write(`  ${String(count).padStart(8)}  ${name}\n`)
}
process.exitCode = failures === 0 ? 0 : 1

function print(report: RunReport): void {
  const { seed, attempted, simulatedSeconds, digest, violations, error } = report
  process.stdout.write(
    `seed ${seed}: ${report.committed} of ${attempted} committed in ${simulatedSeconds.toFixed(1)} simulated seconds, hash ${digest.slice(0, 16)}\n`,
  )
  for (const { promise, oracle, detail } of violations) process.stdout.write(`  ${promise} (${oracle}): ${detail}\n`)
  if (error !== undefined) process.stdout.write(`  ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  if (error !== undefined || violations.length > 0) {
    process.stdout.write(
      `  repeat: npm run simulate -- --seed ${seed} --steps ${values.steps} --faults '${JSON.stringify(report.faults)}'\n`,
    )
  }
  if (values.tail) process.stdout.write(report.tail.slice(-60).join(''))
}
