/** More bugs on purpose: torn tails, voided parts, what is staged (rules 18 and 19), and index builds beside writers (rule 4, mode R). */
import { Chain } from '../../actors/journal/chain.ts'
import { BusCircle } from '../../actors/query-processor/circle-bus.ts'
import { firstUserOid } from '../../actors/query-processor/sql/catalog/keys.ts'
import { MemoryVersionStore } from '../../actors/storage/version-store-memory.ts'
import { EmbeddedLog } from '../../bus/embedded-log.ts'
import type { FileHandle, Files } from '../../bus/world.ts'
import type { Partition } from '../../protocol/ids.ts'
import { type Key, storageIdOf } from '../../protocol/key.ts'
import type { Mode } from '../../protocol/messages.ts'
import type { Fault } from './fault-plan.ts'
import { crashes, type PlantedBug, replace } from './planted-bugs.ts'

const slowSyncs: readonly Fault[] = [{ kind: 'slow sync', at: 0, for: 8_000 }]

export const journalBugs: readonly PlantedBug[] = [
  {
    name: 'a torn entry stays behind the next one',
    breaks: 'rule 18, the tail is renewed',
    workload: 'bank',
    oracle: 'assertion',
    settings: { faultyMs: 8_000, clients: 12 },
    faults: [...slowSyncs, ...crashes],
    from: 6,
    plant: () =>
      replace(EmbeddedLog, 'renew', async (_, self, [segment]) => {
        const file: FileHandle = (self.files as Files).open((segment as { path: string }).path, 'append')
        self.file = file
        self.filled = file.size
      }),
  },
  {
    name: 'what is staged is seen before its record',
    breaks: 'rule 19, CompleteSnapshot',
    workload: 'bulk',
    oracle: 'bulk',
    settings: { faultyMs: 2_000, clients: 12 },
    faults: slowSyncs,
    plant: () =>
      replace(MemoryVersionStore, 'stage', (original, self, [partition, writes]) => {
        original(partition, writes)
        const stage = (self.staged as { tau: number }[])[partition as Partition] as { tau: number }
        stage.tau = (self as unknown as MemoryVersionStore).applied(partition as Partition).tau
      }),
  },
  {
    name: 'what was staged in vain stays in storage',
    breaks: 'rule 19, AbortIsFinal',
    workload: 'bulk',
    oracle: 'assertion',
    settings: { faultyMs: 2_000, clients: 12 },
    faults: [0, 400, 800, 1_200, 1_600].map((at) => ({ kind: 'full disk', at, for: 200 })),
    from: 25,
    plant: () => replace(MemoryVersionStore, 'unstage', () => undefined),
  },
  {
    name: 'a record takes the parts of a voided one for its own',
    breaks: 'rule 19, AbortIsFinal',
    workload: 'bulk',
    oracle: 'bulk',
    // Whatever the journal says is read again at every start.
    settings: { faultyMs: 8_000, clients: 3, checkpointDelayMs: 100_000 },
    faults: [...slowSyncs, ...crashes],
    from: 3,
    plant: () =>
      replace(Chain, 'close', (original, self, [entry, message, hash]) => {
        const { parts, partHashes } = self as { parts: unknown[]; partHashes: unknown[] }
        const { kind, parts: count } = message as { kind: string; parts: number }
        self.parts = parts.slice(0, count)
        self.partHashes = partHashes.slice(0, count)
        const record = original(entry, message, hash)
        if (kind === 'epoch') Object.assign(self, { parts, partHashes })
        return record
      }),
  },
  {
    name: 'an index build does not check the rows it read',
    breaks: 'rule 4, mode R',
    workload: 'index-job',
    oracle: 'index-job',
    settings: { faultyMs: 2_000, clients: 12 },
    from: 17,
    plant: () =>
      replace(BusCircle, 'commit', (original, _, [request]) => {
        const { checks } = request as { checks: readonly { key?: Key; mode: Mode }[] }
        const kept = checks.filter(({ key, mode }) => mode !== 'R' || key === undefined || storageIdOf(key) < firstUserOid)
        return original({ ...(request as object), checks: kept })
      }),
  },
]
