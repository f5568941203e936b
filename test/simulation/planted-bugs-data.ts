/** More bugs on purpose: in storage, in the log, in the conflict modes and in what SQL makes of them. */
import { Adjudicator } from '../../actors/adjudicator/adjudicator.ts'
import { ConflictWindow } from '../../actors/adjudicator/conflict-window.ts'
import { Crossbar } from '../../actors/crossbar/crossbar.ts'
import { GroupCommit } from '../../actors/journal/group-commit.ts'
import { BusCircle } from '../../actors/query-processor/circle-bus.ts'
import { SequenceBlocks } from '../../actors/query-processor/sequences.ts'
import { firstUserOid } from '../../actors/query-processor/sql/catalog/keys.ts'
import { Transaction } from '../../actors/query-processor/transaction.ts'
import { WriteSet } from '../../actors/query-processor/write-set.ts'
import { Storage } from '../../actors/storage/storage.ts'
import { MemoryVersionStore } from '../../actors/storage/version-store-memory.ts'
import { type Key, storageIdOf } from '../../protocol/key.ts'
import type { Mode } from '../../protocol/messages.ts'
import { both, crashes, isUnderLoad, lateMessages, type PlantedBug, protocolBugs, replace } from './planted-bugs.ts'
import { journalBugs } from './planted-bugs-journal.ts'

type Clock = { after(ms: number, action: () => void): void }

const dataBugs: readonly PlantedBug[] = [
  {
    name: 'tombstones are not applied',
    breaks: 'rule 14, CompleteSnapshot',
    workload: 'tickets',
    oracle: 'tickets',
    plant: () =>
      replace(MemoryVersionStore, 'write', (original, _, [write, at]) =>
        (write as { postImage: unknown }).postImage === undefined ? undefined : original(write, at),
      ),
  },
  {
    name: 'the position moves before the rows are there',
    breaks: 'rule 16',
    workload: 'bank',
    oracle: 'bank',
    plant: () =>
      replace(MemoryVersionStore, 'apply', (original, self, [images]) => {
        const { writes } = images as { writes: readonly unknown[] }
        if (!(self.clock as { monotonic(): number }).monotonic || (self.clock as { monotonic(): number }).monotonic() < 1_500_000)
          return original(images)
        ;(self.advance as (images: unknown) => void).call(self, images)
        ;(self.clock as Clock).after(2, () => {
          for (const write of writes)
            (self.write as (...all: unknown[]) => void).call(self, write, (images as { tau: number }).tau)
        })
        return undefined
      }),
  },
  {
    name: 'the image says more than it holds',
    breaks: 'rule 16',
    workload: 'register',
    oracle: 'assertion',
    plant: () =>
      replace(MemoryVersionStore, 'encode', (original, self) => {
        const positions = self.positions as { sequence: number; tau: number }[]
        self.positions = positions.map(({ sequence, tau }) => ({ sequence: sequence + 1, tau }))
        try {
          return original()
        } finally {
          self.positions = positions
        }
      }),
  },
  {
    name: 'the image is overwritten in place',
    breaks: 'rule 16',
    workload: 'bank',
    oracle: 'assertion',
    settings: { checkpointDelayMs: 20 },
    from: 16,
    plant: () =>
      replace(MemoryVersionStore, 'checkpoint', async (_, self) => {
        const { files, path } = self.image as {
          path: string
          files: { open(path: string, mode: string): { writeAt(b: Buffer, at: number): void; sync(): Promise<void> } }
        }
        const positions = [...(self.positions as unknown[])]
        const file = files.open(path, 'create')
        file.writeAt((self.encode as () => Buffer).call(self), 0)
        await file.sync()
        self.imagePositions = positions
      }),
  },
  {
    name: 'versions that open readers need are freed',
    breaks: 'rule 16, version horizon',
    workload: 'bank',
    oracle: 'bank',
    from: 16,
    plant: () =>
      both(
        replace(Storage, 'horizon', (_, self) => (self.store as MemoryVersionStore).applied(0 as never).tau),
        replace(Storage, 'checkHorizon', () => undefined),
      ),
  },
  {
    name: 'scans see the newest version',
    breaks: 'rule 14, R3',
    workload: 'index-build',
    oracle: 'index-build',
    plant: () =>
      replace(MemoryVersionStore, 'scan', (original, _, [range, options, visit]) =>
        original(range, { ...(options as object), at: Number.MAX_SAFE_INTEGER }, visit),
      ),
  },
  {
    name: 'the crossbar drops a record now and then',
    breaks: 'rule 14, CompleteSnapshot',
    workload: 'bank',
    oracle: 'replicas',
    from: 16,
    plant: () => {
      let count = 0
      return replace(Crossbar, 'deliver', (original, self, [record, at]) => {
        if (!isUnderLoad(self) || (record as { kind: string }).kind !== 'commit' || ++count % 40 !== 0)
          return original(record, at)
        return original({ ...(record as object), transactions: [] }, at)
      })
    },
  },
  {
    name: 'the window forgets and the floor stays',
    breaks: 'rule 4, pruning',
    workload: 'list-append',
    oracle: 'list-append',
    plant: () => {
      let count = 0
      return replace(ConflictWindow, 'prune', (original, self, values) => {
        if (++count % 5 === 0) for (const division of self.entries as Map<string, unknown>[]) division.clear()
        return original(...values)
      })
    },
  },
  {
    name: 'closed is said of a record in flight',
    breaks: 'rule 13',
    workload: 'counter',
    oracle: 'counter',
    settings: { clients: 12, faultyMs: 2_000 },
    from: 8,
    plant: () => replace(GroupCommit, 'closeAt', (_, self) => (self.acknowledged as { sequence: number }).sequence),
  },
  {
    name: 'a retry reads at the old snapshot',
    breaks: 'rule 24',
    workload: 'counter',
    oracle: 'counter',
    plant: () => {
      const stale = new WeakMap<object, unknown>()
      const fresh = new Map<number, number>()
      return both(
        replace(BusCircle, 'begin', async (original, self, [atLeast]) => {
          const begun = (await original(atLeast)) as { tau: number }
          const old = stale.get(self) as { tau: number } | undefined
          stale.set(self, begun)
          if (atLeast === 0 || old === undefined || old.tau >= begun.tau) return begun
          fresh.set(old.tau, begun.tau)
          return old
        }),
        replace(BusCircle, 'commit', (original, _, [request]) => {
          const { tauStart } = request as { tauStart: number }
          return original({ ...(request as object), tauStart: fresh.get(tauStart) ?? tauStart })
        }),
      )
    },
  },
  {
    name: 'a conflict is answered with commit',
    breaks: 'rule 4',
    workload: 'counter',
    oracle: 'counter',
    plant: () => {
      let count = 0
      return replace(Adjudicator, 'refused', (original, _, [term, judgement]) => {
        if (++count % 3 !== 0) return original(term, judgement)
        const { acknowledged } = (term as { records: { acknowledged: { tau: number } } }).records
        return { kind: 'commit', tauCommit: acknowledged.tau }
      })
    },
  },
  {
    name: 'the outcome of an earlier epoch is taken for aborted',
    breaks: 'rule 7, AbortIsFinal',
    workload: 'unique-insert',
    oracle: 'unique-insert',
    settings: { faultyMs: 8_000, clients: 12 },
    faults: [...lateMessages, ...crashes],
    plant: () =>
      replace(Adjudicator, 'outcome', (original, self, [request]) => {
        const { id } = request as { id: { epoch: number } }
        const term = self.term as { epoch: number } | undefined
        return term !== undefined && id.epoch < term.epoch ? Promise.resolve({ kind: 'aborted' }) : original(request)
      }),
  },
  {
    name: 'FOR UPDATE is no more than FOR KEY SHARE',
    breaks: 'rule 4, modes',
    workload: 'on-call',
    oracle: 'on-call',
    plant: () => replace(Transaction, 'check', (original, _, [key, mode]) => original(key, (mode as Mode) === 'X' ? 'S' : mode)),
  },
  {
    name: 'row locks are not checked',
    breaks: 'rule 15',
    workload: 'on-call',
    oracle: 'on-call',
    plant: () => replace(Transaction, 'check', (original, _, [key, mode]) => (mode === 'X' ? undefined : original(key, mode))),
  },
  {
    name: 'a delete does not see who holds the key',
    breaks: 'rule 4, S bars X',
    workload: 'orphans',
    oracle: 'orphans',
    from: 8,
    plant: () =>
      replace(ConflictWindow, 'barring', (original, _, [key, mode, ...rest]) =>
        original(key, mode === 'X' ? 'N' : mode, ...rest),
      ),
  },
  {
    name: 'FOR KEY SHARE is not barred by a delete',
    breaks: 'rule 4, X bars S',
    workload: 'orphans',
    oracle: 'orphans',
    from: 5,
    plant: () =>
      replace(ConflictWindow, 'barring', (original, _, [key, mode, ...rest]) =>
        mode === 'S' ? undefined : original(key, mode, ...rest),
      ),
  },
  {
    name: 'an update is not checked against what others wrote',
    breaks: 'rule 4',
    workload: 'orphans',
    oracle: 'specification',
    plant: () =>
      replace(ConflictWindow, 'barring', (original, _, [key, mode, ...rest]) =>
        mode === 'N' ? undefined : original(key, mode, ...rest),
      ),
  },
  {
    name: 'writers do not check the catalog they were bound with',
    breaks: 'rule 21',
    workload: 'index-build',
    oracle: 'index-build',
    plant: () =>
      replace(BusCircle, 'commit', (original, _, [request]) => {
        const { checks } = request as { checks: readonly { key?: Key; mode: Mode }[] }
        const kept = checks.filter(({ key, mode }) => mode !== 'R' || key === undefined || storageIdOf(key) >= firstUserOid)
        return original({ ...(request as object), checks: kept })
      }),
  },
  {
    name: 'what was rolled back to a savepoint stays',
    breaks: 'savepoints',
    workload: 'savepoints',
    oracle: 'savepoints',
    plant: () => replace(WriteSet, 'rollBackTo', () => undefined),
  },
  {
    name: 'ROLLBACK TO undoes one write too many',
    breaks: 'savepoints, atomicity',
    workload: 'savepoints',
    oracle: 'savepoints',
    plant: () =>
      both(
        replace(WriteSet, 'mark', (original, self) => {
          self.marks = (self.marks as number) + 1
          return Math.max(0, (original() as number) - 1)
        }),
        replace(WriteSet, 'write', (original, self, values) => {
          if ((self.marks as number) > 0) return original(...values)
          self.marks = 1
          return original(...values)
        }),
      ),
  },
  {
    name: 'a sequence hands out more than it has reserved',
    breaks: 'decision 15',
    workload: 'sequence',
    oracle: 'sequence',
    plant: () => {
      const reserved = new WeakSet<object>()
      return replace(SequenceBlocks, 'next', (original, self, [sequence]) => {
        const block = (self.blocks as Map<number, { left: bigint }>).get((sequence as { storageId: number }).storageId)
        if (block !== undefined && !reserved.has(block)) {
          reserved.add(block)
          block.left += 1n
        }
        return original(sequence)
      })
    },
  },
]

export const plantedBugs: readonly PlantedBug[] = [...protocolBugs, ...dataBugs, ...journalBugs]
