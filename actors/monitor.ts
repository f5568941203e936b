/** Watches this process's journals and storage while they run: whatever breaks an invariant of the commit protocol is told to people at once. */
import type { MaybePromise } from '../bus/bus.ts'
import type { World } from '../bus/world.ts'
import { log, stackOf } from '../observability/log.ts'
import type { Position } from '../observability/metric-families.ts'
import { metrics } from '../observability/metrics.ts'
import { partition, type Sequence, sequence } from '../protocol/ids.ts'
import type { JournalRecord, Staging } from '../protocol/messages.ts'
import { type Alarm, ProtocolWatch } from './protocol-watch.ts'

type Deliver = (record: JournalRecord | Staging, at: Sequence) => MaybePromise<void>

const lookMs = 1_000
/** Some seconds of a busy process: transactions that bar each other and ran at the same time lie close together. */
const bounds = { keysMax: 20_000, idsMax: 50_000, keysPerSecondMax: 4_000 }

/**
 * An observer: it is shown every record that the process's crossbar is given, and looks at positions once a second. It decides nothing and
 * holds nobody up; an alarm is a line in the log and a count in `taudb_invariant_alarms_total`, for a person to act on.
 */
export class Monitor {
  private readonly watch: ProtocolWatch
  private readonly world: World
  private readonly applied = new Map<number, number>()
  private isOpen = true

  constructor(world: World, raised: (alarm: Alarm) => void = raise) {
    this.world = world
    this.watch = new ProtocolWatch(bounds, raised)
    this.raised = raised
  }

  private readonly raised: (alarm: Alarm) => void

  /** Shows itself what a crossbar is given, and hands it on. */
  beside(deliver: Deliver): Deliver {
    return (record, at) => {
      if (!('writes' in record)) this.record(record, at)
      return deliver(record, at)
    }
  }

  private record(record: JournalRecord, at: Sequence): void {
    if (!this.isOpen) return
    try {
      this.watch.accept(record, at)
    } catch (error) {
      // An observer that fails is a bug of its own, and no reason to stop the observed.
      this.isOpen = false
      log('error', 'the monitor has failed and watches no more', { error: stackOf(error) })
    }
  }

  /** Storage never goes back, and has never applied what no journal holds. */
  follow(positions: () => readonly Position[]): void {
    this.world.clock.after(lookMs, () => {
      if (!this.isOpen) return
      for (const position of positions()) this.look(position)
      this.follow(positions)
    })
  }

  look({ partition: p, sequence: last, applied, synced }: Position): void {
    if (applied === undefined) return
    const tell = (detail: string): void =>
      this.raised({ invariant: 'Position', partition: partition(p), sequence: sequence(applied), detail })
    if (applied > last) tell(`storage has applied entry ${applied}, and the journal ends with ${last}`)
    if (synced !== undefined && synced > applied) tell(`storage has synced entry ${synced} and applied ${applied}`)
    const before = this.applied.get(p) ?? 0
    if (applied < before) tell(`storage stands at entry ${applied}, and stood at ${before}`)
    this.applied.set(p, applied)
  }

  close(): void {
    this.isOpen = false
  }
}

function raise({ invariant, partition: p, sequence: at, detail }: Alarm): void {
  metrics.alarms.add(invariant)
  log('error', 'an invariant of the commit protocol does not hold', { invariant, partition: p, entry: at, detail })
}
