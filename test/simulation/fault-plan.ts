import type { Kernel } from './kernel.ts'

export type ProcessName = 'circle' | 'processor 1' | 'processor 2'

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
  | { readonly kind: 'slow sync'; readonly at: number; readonly for: number }
  | { readonly kind: 'failing sync'; readonly at: number; readonly for: number }
  | { readonly kind: 'full disk'; readonly at: number; readonly for: number }
  | { readonly kind: 'clock jump'; readonly at: number; readonly process: ProcessName; readonly by: number }
  | { readonly kind: 'clock rate'; readonly at: number; readonly process: ProcessName; readonly rate: number }

export const processes: readonly ProcessName[] = ['circle', 'processor 1', 'processor 2']

/** Swarm testing: each seed switches on some kinds of fault and leaves others out, so that rare mixtures occur too. */
export function planFaults(kernel: Kernel, durationMs: number): Fault[] {
  const random = kernel.random('fault plan')
  const makers: readonly (() => Fault)[] = [
    () => ({
      kind: 'crash',
      at: at(),
      process: random.chance(0.7) ? 'circle' : random.pick(processes),
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
  const at = (): number => random.integer(durationMs)
  const faults: Fault[] = []
  for (const make of makers) {
    if (random.chance(0.45)) continue
    const count = 1 + random.integer(3)
    for (let i = 0; i < count; i++) faults.push(make())
  }
  return faults.sort((a, b) => a.at - b.at)
}
