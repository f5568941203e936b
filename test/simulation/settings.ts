import type { DatabaseSettings } from './database.ts'
import type { Kernel } from './kernel.ts'

/** What a run varies beside its faults. */
export interface RunSettings extends DatabaseSettings {
  readonly clients: number
  /** The load stops and the faults end here. */
  readonly faultyMs: number
  /** Adjudicators with a journal each. */
  readonly partitions: number
  /** Each owner, its standby and storage are processes of their own. */
  readonly apart: boolean
  /** Places move from partition to partition, this long apart at most; 0: they do not. */
  readonly movesMs: number
  /** Workloads that take part, by name. */
  readonly workloads: readonly string[]
}

const always = ['bank', 'list-append', 'long-fork', 'register', 'unique-insert']
const sometimes = ['counter', 'on-call', 'orphans', 'savepoints', 'tickets', 'sequence', 'index-build', 'bulk', 'index-job']
/** What costs more comes more rarely. */
const chances: Readonly<Record<string, number>> = { bulk: 0.1, 'index-job': 0.15 }

/** Drawn from the seed, so that small segments meet slow checkpoints and many clients meet few. */
export function drawSettings(kernel: Kernel): RunSettings {
  const random = kernel.random('settings')
  const segmentBytes = random.pick([8_192, 16_384, 65_536, 1_048_576])
  return {
    segmentBytes,
    fillBytes: random.pick([4_096, 8_192, segmentBytes]),
    retention: {
      recordsMicros: random.pick([100_000, 1_000_000, 5_000_000]),
      bytesMax: random.pick([65_536, 2 ** 20]),
      trimDelayMs: random.pick([150, 900]),
    },
    checkpointDelayMs: random.pick([100, 700, 2_500]),
    clients: random.pick([3, 6, 12]),
    faultyMs: random.pick([2_000, 8_000]),
    partitions: 1,
    apart: false,
    movesMs: 0,
    workloads: [...always, ...sometimes.filter((name) => random.chance(chances[name] ?? 0.35))],
  }
}

/** The settings of a run with several partitions: many processes more often than one. */
export function drawPartitions(kernel: Kernel, partitions: number): Pick<RunSettings, 'partitions' | 'apart' | 'movesMs'> {
  const movesMs = partitions === 1 ? 0 : kernel.random('moves').pick([0, 40, 400])
  return { partitions, apart: kernel.random('partitions').chance(0.7), movesMs }
}
