/**
 * `npm run spec`: every state of the specifications' small cases, every planted bug, and random runs by Quint's own simulator.
 * `--only NAME` one specification, `--quint-samples N` random runs of each, `--write-rules` makes rules.generated.ts of rules.qnt.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { explore } from './explore.ts'
import { rulesFile, rulesText } from './rules-text.ts'
import { type Mutant, machineOf, mutants, quint, type Specification, specifications, withText } from './source.ts'

const statesMax = 1_500_000
/** Two cores. */
const processes = 2

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    'quint-samples': { type: 'string', default: '500' },
    /** One exploration: a specification, or `SPECIFICATION without NAME`. */
    explore: { type: 'string' },
    'write-rules': { type: 'boolean', default: false },
  },
})

interface Job {
  readonly name: string
  readonly expected: string | undefined
  readonly arguments: readonly string[]
}

if (values['write-rules']) writeFileSync(rulesFile, rulesText())
else if (values.explore !== undefined) exploreOne(values.explore)
else process.exitCode = (await everything()) ? 0 : 1

async function everything(): Promise<boolean> {
  const chosen = specifications.filter(({ name }) => values.only === undefined || name === values.only)
  const began = performance.now()
  const jobs: Job[] = []
  for (const specification of chosen) {
    jobs.push({ name: specification.name, expected: undefined, arguments: ['--explore', specification.name] })
    for (const mutant of mutants()) {
      if (mutant.specification !== specification.name) continue
      const name = `${mutant.specification} without ${mutant.name}`
      jobs.push({ name, expected: mutant.invariant, arguments: ['--explore', name] })
    }
  }
  let isGood = true
  const work = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) isGood = (await run(job)) && isGood
  }
  await Promise.all(Array.from({ length: processes }, work))
  for (const specification of chosen) isGood = simulated(specification) && isGood
  console.log(`${isGood ? 'everything is as it should be' : 'NOT AS IT SHOULD BE'} (${seconds(began)} s)`)
  return isGood
}

/** In a process of its own, so that two go on at a time. */
async function run({ name, expected, arguments: given }: Job): Promise<boolean> {
  const began = performance.now()
  const child = spawn(process.execPath, ['--max-old-space-size=4096', import.meta.filename, ...given], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  const [status] = (await once(child, 'close')) as [number | null]
  const [first = 'no answer', ...rest] = text.trimEnd().split('\n')
  const isGood = status === 0
  console.log(`${isGood ? 'as wanted' : 'UNEXPECTED'} | ${name}: ${first}, ${seconds(began)} s`)
  if (!isGood || (expected !== undefined && values.only !== undefined)) for (const line of rest) console.log(`    ${line}`)
  return isGood
}

/** Exit status 0: no violation, and every state seen; of a mutant: the invariant it names is broken. */
function exploreOne(which: string): void {
  const mutant = mutants().find((one) => `${one.specification} without ${one.name}` === which)
  const specification = specifications.find(({ name }) => name === (mutant?.specification ?? which)) as Specification
  const invariants = mutant === undefined ? specification.invariants : [mutant.invariant]
  const { states, depth, isWhole, violation } = explore(machineOf(specification.name, mutant), invariants, statesMax)
  if (violation === undefined) {
    console.log(`${isWhole ? 'all' : 'not all:'} ${states} states, up to ${depth} steps, keep ${invariants.join(', ')}`)
    process.exitCode = isWhole && mutant === undefined ? 0 : 1
    return
  }
  console.log(`${violation.invariant} is broken after ${violation.steps.length} steps (${states} states)`)
  for (const line of [...violation.steps, ...violation.state.split('\n')]) console.log(line)
  process.exitCode = mutant === undefined ? 1 : 0
}

/** Random runs, by Quint itself: it knows nothing of our compiler. A bug that it finds quickly shows that it looks. */
function simulated({ name, invariants, shallow }: Specification): boolean {
  const mutant = mutants().find((one) => one.specification === name && one.name === shallow) as Mutant
  const isKept = random(name, undefined, invariants)
  return random(name, mutant, [mutant.invariant]) && isKept
}

function random(name: string, mutant: Mutant | undefined, invariants: readonly string[]): boolean {
  const began = performance.now()
  const samples = values['quint-samples']
  const bounds = ['--max-samples', samples, '--max-steps', '30', '--seed', '0x7a', '--verbosity', '1']
  const { status, stdout, stderr } = withText(mutant, (directory) =>
    spawnSync(
      process.execPath,
      [quint, 'run', join(directory, `${name}.qnt`), '--backend', 'typescript', ...bounds, '--invariants', ...invariants],
      { encoding: 'utf8' },
    ),
  )
  const isGood = mutant === undefined ? status === 0 : stdout.includes('[violation]')
  const what =
    mutant === undefined ? `${name}: ${samples} random runs` : `${name} without ${mutant.name}: found in ${samples} random runs`
  console.log(`${isGood ? 'as wanted' : 'UNEXPECTED'} | ${what} of up to 30 steps by Quint, ${seconds(began)} s`)
  if (!isGood) console.log(`${stdout}${stderr}`)
  return isGood
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1_000).toFixed(1)
}
