import type { Machine, State } from './compile.ts'
import { keyOf, shown } from './values.ts'

export interface Exploration {
  /** Different states reached. */
  readonly states: number
  /** Steps from an initial state to the farthest one looked at. */
  readonly depth: number
  /** False: there were more states than the bound allows. */
  readonly isWhole: boolean
  readonly violation: Violation | undefined
}

export interface Violation {
  readonly invariant: string
  /** A shortest way there: the actions, and the state they end in. */
  readonly steps: readonly string[]
  readonly state: string
}

/**
 * Every state of a small case, nearest first. States are told apart by 53 bits of their hash: among a million of them two are mistaken for
 * one with a chance of one in ten thousand.
 */
export function explore(machine: Machine, invariants: readonly string[], statesMax: number): Exploration {
  /** Hash of a state to that of the state it was first reached from. */
  const before = new Map<number, number | undefined>()
  let frontier: (readonly [State, number])[] = []
  let depth = 0
  let violation: Violation | undefined
  const meet = (state: State, from: number | undefined, next: (readonly [State, number])[]): void => {
    const hash = hashOf(state)
    if (violation !== undefined || before.has(hash)) return
    before.set(hash, from)
    next.push([state, hash])
    const broken = invariants.find((invariant) => !machine.holds(invariant, state))
    if (broken !== undefined)
      violation = { invariant: broken, steps: wayTo(machine, before, hash), state: described(machine, state) }
  }
  machine.initial((state) => meet(state, undefined, frontier))
  while (frontier.length > 0 && violation === undefined && before.size < statesMax) {
    const next: (readonly [State, number])[] = []
    for (const [state, hash] of frontier) {
      if (before.size >= statesMax) break
      machine.successors(state, (successor) => meet(successor, hash, next))
      if (violation !== undefined) break
    }
    if (next.length > 0) depth++
    frontier = next
  }
  return { states: before.size, depth, isWhole: frontier.length === 0, violation }
}

/** Goes the way again, from the beginning, to say what happens on it. */
function wayTo(machine: Machine, before: ReadonlyMap<number, number | undefined>, end: number): string[] {
  const way: number[] = []
  for (let hash: number | undefined = end; hash !== undefined; hash = before.get(hash)) way.unshift(hash)
  let here: State | undefined
  machine.initial((state) => {
    if (hashOf(state) === way[0]) here = state
  })
  const steps: string[] = []
  for (const hash of way.slice(1)) {
    let taken: [State, string] | undefined
    machine.successors(
      here as State,
      (state, label) => {
        if (taken === undefined && hashOf(state) === hash) taken = [state, label]
      },
      true,
    )
    if (taken === undefined) throw new Error('a state is reached from the one before')
    here = taken[0]
    steps.push(taken[1])
  }
  return steps
}

const described = ({ variables }: Machine, state: State): string =>
  variables.map((name, i) => `${name} = ${shown(state[i] as State[number])}`).join('\n')

/** cyrb53, a public-domain mixing function. */
function hashOf(state: State): number {
  let [a, b] = [0xdeadbeef, 0x41c6ce57]
  for (const value of state) {
    const key = keyOf(value)
    for (let i = 0; i < key.length; i++) {
      const code = key.charCodeAt(i)
      a = Math.imul(a ^ code, 2654435761)
      b = Math.imul(b ^ code, 1597334677)
    }
    a = Math.imul(a ^ 10, 2654435761)
    b = Math.imul(b ^ 10, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return 4294967296 * (2097151 & b) + (a >>> 0)
}
