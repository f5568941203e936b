import type { Kernel } from './kernel.ts'

/** 'circle' or, apart, 'owner 0', 'standby 0' and so on with 'storage'; 'processor 1' and 'processor 2'. */
export type ProcessName = string

/** One fault of a run: what, when (simulated milliseconds) and for how long. A failing run is repeated from its list, not from its seed alone. */
export type Fault =
  | { readonly kind: 'crash'; readonly at: number; readonly process: ProcessName; readonly for: number }
  | { readonly kind: 'pause'; readonly at: number; readonly process: ProcessName; readonly for: number }
  | { readonly kind: 'cut'; readonly at: number; readonly from: ProcessName; readonly to: ProcessName; readonly for: number }
  | {
      readonly kind: 'lossy network'
      readonly at: number
      readonly for: number
      readonly drop: number
      readonly duplicate: number
      readonly slow: number
    }
  | {
      readonly kind: 'disturbed streams'
      readonly at: number
      readonly for: number
      readonly lost: number
      readonly unacknowledged: number
      readonly late: number
    }
  /** A leader may die when a voter has said yes to it. */
  | { readonly kind: 'deadly votes'; readonly at: number; readonly for: number; readonly chance: number }
  /** An owner may die when a seal or an open has come into a journal. */
  | { readonly kind: 'deadly moves'; readonly at: number; readonly for: number; readonly chance: number }
  | { readonly kind: 'slow sync'; readonly at: number; readonly for: number }
  | { readonly kind: 'failing sync'; readonly at: number; readonly for: number }
  | { readonly kind: 'full disk'; readonly at: number; readonly for: number }
  | { readonly kind: 'clock jump'; readonly at: number; readonly process: ProcessName; readonly by: number }
  | { readonly kind: 'clock rate'; readonly at: number; readonly process: ProcessName; readonly rate: number }

const together: readonly ProcessName[] = ['circle', 'processor 1', 'processor 2']

/** Swarm testing: each seed switches on some kinds of fault and leaves others out, so that rare mixtures occur too. */
export function planFaults(kernel: Kernel, durationMs: number, processes = together, moves = false): Fault[] {
  const random = kernel.random('fault plan')
  const owners = processes.filter((name) => name.startsWith('owner') || name.startsWith('standby'))
  const isApart = owners.length > 0
  const makers: (() => Fault)[] = [
    () => ({
      kind: 'crash',
      at: at(),
      process: random.chance(0.7) ? (isApart ? random.pick(owners) : 'circle') : random.pick(processes),
      for: 1 + random.integer(400),
    }),
    () => ({ kind: 'pause', at: at(), process: random.pick(processes), for: 10 + random.integer(1_500) }),
    () => {
      const from = random.pick(processes)
      return {
        kind: 'cut',
        at: at(),
        from,
        to: random.pick(processes.filter((name) => name !== from)),
        for: 50 + random.integer(1_500),
      }
    },
    () => ({
      kind: 'lossy network',
      at: at(),
      for: 500 + random.integer(3_000),
      drop: random.fraction() * 0.15,
      duplicate: random.fraction() * 0.3,
      slow: random.fraction() * 0.2,
    }),
    () => ({ kind: 'slow sync', at: at(), for: 500 + random.integer(3_000) }),
    () => ({ kind: 'failing sync', at: at(), for: 20 + random.integer(200) }),
    () => ({ kind: 'full disk', at: at(), for: 100 + random.integer(1_500) }),
    () => ({ kind: 'clock jump', at: at(), process: random.pick(processes), by: (random.integer(7_200) - 3_600) * 1_000_000 }),
    () => ({ kind: 'clock rate', at: at(), process: random.pick(processes), rate: 0.9 + random.fraction() * 0.2 }),
  ]
  if (isApart) {
    makers.push(() => ({
      kind: 'disturbed streams',
      at: at(),
      for: 500 + random.integer(3_000),
      lost: random.fraction() * 0.1,
      unacknowledged: random.fraction() * 0.2,
      late: random.fraction() * 0.1,
    }))
    // Longer than a lease: somebody else owns the partition when it wakes up.
    makers.push(() => ({ kind: 'pause', at: at(), process: random.pick(owners), for: 2_400 + random.integer(2_000) }))
    makers.push(() => ({ kind: 'deadly votes', at: at(), for: 200 + random.integer(1_000), chance: 0.1 }))
  }
  if (moves) makers.push(() => ({ kind: 'deadly moves', at: at(), for: 500 + random.integer(3_000), chance: 0.3 }))
  const at = (): number => random.integer(durationMs)
  const faults: Fault[] = []
  for (const make of makers) {
    if (random.chance(0.45)) continue
    const count = 1 + random.integer(3)
    for (let i = 0; i < count; i++) faults.push(make())
  }
  return faults.sort((a, b) => a.at - b.at)
}
