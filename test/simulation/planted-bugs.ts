import { Adjudicator } from '../../actors/adjudicator/adjudicator.ts'
import { ConflictWindow } from '../../actors/adjudicator/conflict-window.ts'
import { Decisions } from '../../actors/adjudicator/decisions.ts'
import { Crossbar } from '../../actors/crossbar/crossbar.ts'
import { GroupCommit } from '../../actors/journal/group-commit.ts'
import { Journal } from '../../actors/journal/journal.ts'
import { BusCircle } from '../../actors/query-processor/circle-bus.ts'
import { TableWriter } from '../../actors/query-processor/sql/execute/table-writer.ts'
import { WriteSet } from '../../actors/query-processor/write-set.ts'
import { Storage } from '../../actors/storage/storage.ts'
import { MemoryVersionStore } from '../../actors/storage/version-store-memory.ts'
import { EmbeddedLog } from '../../bus/embedded-log.ts'
import type { Fault } from './fault-plan.ts'
import type { RunSettings } from './settings.ts'

/**
 * Bugs on purpose: each breaks one rule of the commit protocol by replacing a method, and one oracle must find it. A checker counts only
 * because these prove that it can fail.
 */
export interface PlantedBug {
  readonly name: string
  /** The rule or promise it breaks. */
  readonly breaks: string
  /** The workload that shows it, and the oracle that must say so: only these two take part. */
  readonly workload: string
  readonly oracle: string
  /** Instead of what the seed draws. */
  readonly settings?: Partial<RunSettings>
  readonly faults?: readonly Fault[]
  /** The seed to begin with: the search goes on from there, 200 at most. */
  readonly from?: number
  /** Switches it on; the answer switches it off. */
  plant(): () => void
}

type Method = (this: never, ...values: never[]) => unknown

/** Replaces one method of a class; `original` is bound to the instance. */
export function replace(
  target: { prototype: object },
  method: string,
  make: (original: (...values: unknown[]) => unknown, self: Record<string, unknown>, values: unknown[]) => unknown,
): () => void {
  const prototype = target.prototype as Record<string, Method>
  const original = prototype[method]
  if (original === undefined) throw new Error(`planted bug: there is no method ${method}`)
  prototype[method] = function (this: object, ...values: unknown[]) {
    return make(
      (...given) => (original as (...all: unknown[]) => unknown).apply(this, given),
      this as Record<string, unknown>,
      values,
    )
  } as Method
  return () => {
    prototype[method] = original
  }
}

/** Nothing but crashes of the circle, again and again. */
export const crashes: readonly Fault[] = Array.from({ length: 16 }, (_, i) => ({
  kind: 'crash',
  at: 150 + i * 470,
  process: 'circle',
  for: 20,
}))

/** Messages that come long after their time. */
export const lateMessages: readonly Fault[] = [
  { kind: 'lossy network', at: 0, for: 8_000, drop: 0.02, duplicate: 0.1, slow: 0.5 },
]

export const protocolBugs: readonly PlantedBug[] = [
  {
    name: 'acknowledge before fsync',
    breaks: 'rule 5, R1',
    workload: 'unique-insert',
    oracle: 'unique-insert',
    // Or storage's image is ahead of the journal, and the start refuses it.
    settings: { checkpointDelayMs: 100_000, faultyMs: 8_000 },
    faults: [{ kind: 'slow sync', at: 0, for: 8_000 }, ...crashes],
    from: 5,
    plant: () =>
      replace(EmbeddedLog, 'append', (original, self, values) => {
        const file = self.file as { sync(): Promise<void> }
        const sync = (): Promise<void> => {
          file.sync().catch(() => {})
          return Promise.resolve()
        }
        self.file = new Proxy(file, { get: (target, name) => (name === 'sync' ? sync : bound(target, name)) })
        return (original(...values) as Promise<unknown>).finally(() => {
          if (self.file !== undefined) self.file = file
        })
      }),
  },
  {
    name: 'a failed sync is taken for a good one',
    breaks: 'rule 18, R1',
    workload: 'unique-insert',
    oracle: 'assertion',
    settings: { checkpointDelayMs: 100_000, faultyMs: 8_000 },
    faults: [{ kind: 'failing sync', at: 100, for: 8_000 }, ...crashes],
    plant: () =>
      replace(EmbeddedLog, 'append', (original, self, values) => {
        const file = self.file as { sync(): Promise<void> }
        self.file = new Proxy(file, {
          get: (target, name) => (name === 'sync' ? () => target.sync().catch(() => {}) : bound(target, name)),
        })
        return original(...values)
      }),
  },
  {
    name: 'answer before the append',
    breaks: 'rule 5, R1',
    workload: 'unique-insert',
    oracle: 'unique-insert',
    plant: () =>
      replace(GroupCommit, 'join', (original, self, [joined]) => {
        const { tau } = self.acknowledged as { tau: number }
        const pending = joined as { settled(fate: object): void }
        pending.settled({ kind: 'committed', tau: tau + 1 })
        return original({
          ...pending,
          settled: () => {},
          fixed: (at: number) => (joined as { fixed(tau: number): void }).fixed(at),
        })
      }),
  },
  {
    name: 'a full disk is answered with commit',
    breaks: 'rule 5, R1',
    workload: 'unique-insert',
    oracle: 'unique-insert',
    settings: { faultyMs: 8_000 },
    faults: [{ kind: 'full disk', at: 300, for: 7_000 }],
    from: 12,
    plant: () =>
      both(
        replace(Adjudicator, 'refusal', () => undefined),
        replace(GroupCommit, 'acknowledge', (original, _, [outcome, times, batch]) => {
          if ((outcome as { kind: string }).kind === 'full') {
            for (const joined of batch as { settled(fate: object): void }[])
              joined.settled({ kind: 'committed', tau: (times as { tau: number }).tau })
            return original(outcome, times, [])
          }
          return original(outcome, times, batch)
        }),
      ),
  },
  {
    name: 'no conflict check',
    breaks: 'rule 4, FirstCommitterWins',
    workload: 'list-append',
    oracle: 'list-append',
    plant: () => replace(ConflictWindow, 'barring', () => undefined),
  },
  {
    name: 'money without a conflict check',
    breaks: 'rule 4, FirstCommitterWins',
    workload: 'bank',
    oracle: 'bank',
    plant: () => replace(ConflictWindow, 'barring', () => undefined),
  },
  {
    name: 'unique keys without a conflict check',
    breaks: 'decision 10',
    workload: 'unique-insert',
    oracle: 'unique-insert',
    plant: () => replace(ConflictWindow, 'barring', () => undefined),
  },
  {
    name: 'entries in flight do not bar',
    breaks: 'rule 4',
    workload: 'list-append',
    oracle: 'list-append',
    from: 7,
    plant: () =>
      replace(ConflictWindow, 'barring', (original, _, values) => {
        const stamp = original(...values) as { isFixed: boolean } | undefined
        return stamp?.isFixed === true ? stamp : undefined
      }),
  },
  {
    name: 'no floor after a take-over',
    breaks: 'rule 8, FloorSound',
    workload: 'list-append',
    oracle: 'list-append',
    settings: { faultyMs: 8_000, clients: 12 },
    faults: crashes,
    plant: () =>
      replace(Journal, 'claim', async (original, _, values) => {
        const ownership = (await original(...values)) as { floor: number }
        Object.defineProperty(ownership, 'floor', { value: 0 })
        return ownership
      }),
  },
  {
    name: 'a duplicate request is decided twice',
    breaks: 'rule 4, an id is decided once',
    workload: 'unique-insert',
    oracle: 'unique-insert',
    plant: () =>
      both(
        replace(Decisions, 'find', () => undefined),
        forgetful(),
      ),
  },
  {
    name: 'ids are forgotten before their until',
    breaks: 'rule 4, an id is decided once',
    workload: 'unique-insert',
    oracle: 'unique-insert',
    from: 18,
    plant: () =>
      both(
        forgetful(),
        replace(Decisions, 'prune', (original) => original(Number.MAX_SAFE_INTEGER)),
        replace(Adjudicator, 'decide', (original, _, [term, request]) =>
          original(term, { ...(request as { until: number }), until: (request as { until: number }).until + 60_000_000 }),
        ),
      ),
  },
  {
    name: 'an unknown outcome is taken for aborted',
    breaks: 'rule 6, AbortIsFinal',
    workload: 'unique-insert',
    oracle: 'unique-insert',
    plant: () => replace(BusCircle, 'outcome', () => ({ kind: 'aborted' })),
  },
  {
    name: 'an outcome query does not bar the id',
    breaks: 'rule 7, AbortIsFinal',
    workload: 'unique-insert',
    oracle: 'unique-insert',
    settings: { faultyMs: 8_000, clients: 12 },
    faults: lateMessages,
    plant: () => replace(Decisions, 'bar', () => undefined),
  },
  {
    name: 'an old begin is handed out again',
    breaks: 'rule 12, R4',
    workload: 'register',
    oracle: 'register',
    plant: () => {
      let stale: unknown
      let count = 0
      return replace(BusCircle, 'begin', async (original, self, values) => {
        const begun = await original(...values)
        if (!isUnderLoad(self)) return begun
        if (count++ % 8 === 0) stale = begun
        return count % 8 === 7 ? stale : begun
      })
    },
  },
  {
    name: 'reads see the newest version',
    breaks: 'rule 14, R3',
    workload: 'list-append',
    oracle: 'list-append',
    plant: () => replace(MemoryVersionStore, 'get', (original, _, [key]) => original(key, Number.MAX_SAFE_INTEGER)),
  },
  {
    name: 'the last write of a record is not applied',
    breaks: 'rule 14, CompleteSnapshot',
    workload: 'bank',
    oracle: 'bank',
    plant: () =>
      replace(MemoryVersionStore, 'apply', (original, _, [images]) => {
        const { writes } = images as { writes: readonly { key: string }[] }
        const isBank = writes.length === 2 && writes[0]?.key.slice(0, 4) === writes[1]?.key.slice(0, 4)
        return original(isBank ? { ...(images as object), writes: writes.slice(0, 1) } : images)
      }),
  },
  {
    name: 'acknowledged before applied, and reads do not wait for their vector',
    breaks: 'rule 14, R4',
    workload: 'register',
    oracle: 'register',
    plant: () =>
      both(
        replace(Crossbar, 'deliver', (original, self, values) => {
          if (!isUnderLoad(self)) return original(...values)
          const { clock } = self.world as { clock: { after(ms: number, action: () => void): void } }
          clock.after(3, () => void original(...values))
          return undefined
        }),
        replace(Storage, 'covers', () => true),
      ),
  },
  {
    name: 'index entries are not in the write set',
    breaks: 'decision 10',
    workload: 'unique-insert',
    oracle: 'unique-insert',
    plant: () =>
      replace(TableWriter, 'write', (original, self, values) => {
        const table = self.table as object
        self.table = { ...table, indexes: [] }
        try {
          return original(...values)
        } finally {
          self.table = table
        }
      }),
  },
  {
    name: 'own writes are not read',
    breaks: 'read-your-writes',
    workload: 'list-append',
    oracle: 'list-append',
    plant: () => replace(WriteSet, 'visible', () => undefined),
  },
  {
    name: 'the write set loses a key',
    breaks: 'R3, atomicity',
    workload: 'bank',
    oracle: 'bank',
    plant: () =>
      replace(BusCircle, 'commit', (original, _, [request]) => {
        const { writes } = request as { writes: readonly unknown[] }
        return original({ ...(request as object), writes: writes.length === 2 ? writes.slice(1) : writes })
      }),
  },
  {
    name: 'the journal is trimmed above what storage has synced',
    breaks: 'rule 17, TrimSafe',
    workload: 'bank',
    oracle: 'assertion',
    settings: {
      faultyMs: 8_000,
      checkpointDelayMs: 2_500,
      segmentBytes: 8_192,
      retention: { recordsMicros: 100_000, bytesMax: 65_536, trimDelayMs: 150 },
    },
    faults: [{ kind: 'crash', at: 2_300, process: 'circle', for: 20 }],
    from: 4,
    plant: () =>
      replace(
        MemoryVersionStore,
        'synced',
        (_, self, [partition]) => (self as unknown as MemoryVersionStore).applied(partition as never).sequence,
      ),
  },
  {
    name: 'tau follows the clock and not the log',
    breaks: 'rule 3, MonotoneTau',
    workload: 'bank',
    oracle: 'assertion',
    plant: () =>
      replace(GroupCommit, 'sendOne', (original, self) => {
        const clock = self.clock as { read(): number }
        const acknowledged = self.acknowledged as { tau: number; horizon: number }
        self.acknowledged = {
          ...acknowledged,
          tau: Math.min(acknowledged.tau, clock.read() - 1),
          horizon: Math.min(acknowledged.horizon, clock.read()),
        }
        return original()
      }),
  },
]

/** An id may be decided again. */
export const forgetful = (): (() => void) =>
  replace(Decisions, 'add', (original, self, [id, ...rest]) => {
    const { boot, counter } = id as { boot: string; counter: number }
    ;(self.byBoot as Map<string, Map<number, unknown>>).get(boot)?.delete(counter)
    return original(id, ...rest)
  })

export const both =
  (...off: readonly (() => void)[]): (() => void) =>
  () => {
    for (const one of off) one()
  }

/** Set-up is over: a bug that breaks it at once would prove little. */
export const isUnderLoad = (self: Record<string, unknown>): boolean =>
  (self.world as { clock: { monotonic(): number } }).clock.monotonic() > 1_500_000

export function bound(target: object, name: string | symbol): unknown {
  const value = (target as Record<string | symbol, unknown>)[name]
  return typeof value === 'function' ? (value as (...all: unknown[]) => unknown).bind(target) : value
}
