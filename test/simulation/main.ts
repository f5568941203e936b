/** `npm run simulate -- --seed N --steps M [--seeds K] [--faults JSON] [--partitions P] [--settings JSON] [--shrink] [--tail]`: deterministic runs of the whole database under faults. */
import { parseArgs } from 'node:util'
import type { Fault } from './fault-plan.ts'
import { commandFor, type RunReport, simulate } from './run.ts'
import type { RunSettings } from './settings.ts'
import { shrink } from './shrink.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    steps: { type: 'string', default: '400' },
    faults: { type: 'string' },
    settings: { type: 'string' },
    partitions: { type: 'string' },
    shrink: { type: 'boolean', default: false },
    tail: { type: 'boolean', default: false },
  },
})

const steps = Number(values.steps)
const changed: Partial<RunSettings> = {
  ...(values.partitions !== undefined && { partitions: Number(values.partitions) }),
  ...(values.settings !== undefined && (JSON.parse(values.settings) as Partial<RunSettings>)),
}
const settings = Object.keys(changed).length === 0 ? {} : { settings: changed }
let failures = 0
const totals = new Map<string, number>()
let committed = 0
for (let seed = Number(values.seed); seed < Number(values.seed) + Number(values.seeds); seed++) {
  const faults = values.faults === undefined ? {} : { faults: JSON.parse(values.faults) as Fault[] }
  const report = await simulate({ seed, steps, ...settings, ...faults })
  committed += report.committed
  for (const [name, count] of report.counters) totals.set(name, (totals.get(name) ?? 0) + count)
  const failed = report.error !== undefined || report.violations.length > 0
  if (failed) failures++
  if (failed || Number(values.seeds) <= 20) print(report)
  if (failed && values.shrink) print(await shrink({ seed, steps, ...settings }, report.faults))
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
  if (error !== undefined || violations.length > 0)
    process.stdout.write(`  repeat: ${commandFor(report, { ...settings, steps })}\n`)
  if (values.tail) process.stdout.write(report.tail.slice(-60).join(''))
}
