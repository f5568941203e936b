/** The part of `npm run spec` that takes seconds: Quint accepts all text, the smallest case in full, and bugs that show after a few steps. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { explore } from './explore.ts'
import { rulesFile, rulesText } from './rules-text.ts'
import { machineOf, mutants, specifications } from './source.ts'

const minuteMs = 60_000

test(
  'every specification keeps its invariants, as far as a thousand states go',
  () => {
    for (const { name, invariants } of specifications) {
      const { violation, states } = explore(machineOf(name), invariants, 1_500)
      expect([name, violation]).toEqual([name, undefined])
      expect(states).toBeGreaterThanOrEqual(1_500)
    }
  },
  minuteMs,
)

test(
  'an outcome query that does not bar the id: told "aborted", and then committed',
  () => {
    const mutant = mutants().find(
      ({ specification, name }) => specification === 'failover' && name === 'the bar of an outcome query',
    )
    expect(explore(machineOf('failover', mutant), ['AbortIsFinal'], 10_000).violation?.steps).toEqual([
      'outcome(0)',
      'send(0, commit, x, 4)',
      'lands(0, 0)',
    ])
  },
  minuteMs,
)

test(
  'an epoch record that is not above the floor breaks a closed time that the owner before has said',
  () => {
    const mutant = mutants().find(({ name }) => name === 'a claim above the floor')
    const { violation } = explore(machineOf('visibility', mutant), ['CompleteSnapshot'], 10_000)
    expect(violation?.steps).toHaveLength(5)
    expect(violation?.steps).toContain('takeOver(0, 2)')
  },
  minuteMs,
)

test(
  'simulated runs are checked by the guards that the specifications have now',
  () => {
    expect(readFileSync(rulesFile, 'utf8')).toBe(rulesText())
  },
  minuteMs,
)

test('every planted bug stands in RELIABILITY.md, with the invariant that finds it', () => {
  const reliability = readFileSync(join(import.meta.dirname, '../../RELIABILITY.md'), 'utf8')
  const missing = mutants().filter(
    ({ specification, name, invariant }) => !reliability.includes(`| ${specification} | ${name} | ${invariant} |`),
  )
  expect(missing.map(({ specification, name }) => `${specification}: ${name}`)).toEqual([])
})
