/** Storage replicas behind a journal that is trimmed, deterministic; and bugs on purpose, each found by the oracle it names. */
import { expect, test } from 'vitest'
import { StorageKeeping, TrimBounds } from '../../actors/bootstrap.ts'
import type { StoreSnapshot, VisitVersion } from '../../actors/storage/version-store.ts'
import { MemoryVersionStore } from '../../actors/storage/version-store-memory.ts'
import { SnapshotPartWriter } from '../../protocol/snapshot.ts'
import { replace } from './planted-bugs.ts'
import { simulateReplicas } from './replicas.ts'

const isLong = process.env.TAUDB_TEST_LONG === '1'
const seeds = isLong ? 500 : 25

test(`${seeds} seeds: replicas that crash, sleep and lose their disks hold what the journal said`, {
  timeout: seeds * 4_000,
}, async () => {
  const seen = new Map<string, number>()
  for (let seed = 1; seed <= seeds; seed++) {
    const { violations, counters } = await simulateReplicas(seed)
    expect([seed, violations]).toEqual([seed, []])
    for (const [name, count] of counters) seen.set(name, (seen.get(name) ?? 0) + count)
  }
  for (const kind of ['snapshot loaded', 'disk lost', 'left behind', 'entries trimmed', 'looks'])
    expect([kind, (seen.get(kind) ?? 0) > 0]).toEqual([kind, true])
  const line = ['snapshot loaded', 'disk lost', 'left behind', 'entries trimmed', 'looks'].map(
    (kind) => `${kind} ${seen.get(kind)}`,
  )
  process.stderr.write(`replicas: ${line.join(', ')}\n`)
})

type Stored = { positions: unknown[]; clock: { sleep(ms: number): Promise<void> } }

const bugs: readonly (readonly [string, string, () => () => void])[] = [
  [
    'a snapshot without tombstones',
    'replicas',
    () =>
      replace(SnapshotPartWriter, 'add', (original, _, values) => (values[2] === undefined ? undefined : original(...values))),
  ],
  [
    'the vector of a snapshot is taken after its rows',
    'replicas',
    () =>
      replace(MemoryVersionStore, 'snapshot', async (original, self) => {
        const snapshot = (await original()) as StoreSnapshot
        const rows: Parameters<VisitVersion>[] = []
        while (snapshot.walk(1_000_000, (...row) => rows.push(row))) {}
        const { clock } = self as unknown as Stored
        await clock.sleep(60)
        const positions = [...(self as unknown as Stored).positions]
        const walk = (_: number, visit: VisitVersion): boolean => {
          for (const row of rows.splice(0)) visit(...row)
          return false
        }
        return { positions, versionHorizon: snapshot.versionHorizon, walk, close: () => {} }
      }),
  ],
  [
    'older versions are left out of a snapshot',
    'replicas',
    () => {
      const last = new WeakMap<object, unknown>()
      return replace(SnapshotPartWriter, 'add', (original, self, values) => {
        const isOlder = last.get(self) === values[0]
        last.set(self, values[0])
        return isOlder ? undefined : original(...values)
      })
    },
  ],
  [
    'registers when it has loaded',
    'registered',
    () => {
      const hasLoaded = new WeakSet<object>()
      const undoPrepare = replace(StorageKeeping, 'prepare', async (original, self) => {
        await original()
        hasLoaded.add(self)
      })
      const undoSay = replace(StorageKeeping, 'say', async (original, self, values) => {
        if (hasLoaded.has(self)) await original(...values)
      })
      return () => {
        undoSay()
        undoPrepare()
      }
    },
  ],
  [
    'the owner trims what is applied and neither synced nor in a snapshot',
    'trim-safe',
    () =>
      replace(TrimBounds, 'look', async (original, _, values) => {
        await original(...values)
        return [Number.MAX_SAFE_INTEGER]
      }),
  ],
  [
    'a load counts before it is complete',
    'replicas',
    () =>
      replace(MemoryVersionStore, 'load', async (original, self, values) => {
        const load = await original(...values)
        ;(self as unknown as Stored).positions = [...(values[0] as Stored).positions]
        return load
      }),
  ],
]

test.each(bugs)('planted: %s: %s', { timeout: 120_000 }, async (_, oracle, plant) => {
  const undo = plant()
  try {
    for (let seed = 1; seed <= 20; seed++) {
      const { violations } = await simulateReplicas(seed)
      if (violations.some((violation) => violation.startsWith(`${oracle}:`))) return
    }
    expect.unreachable('not found within 20 seeds')
  } finally {
    undo()
  }
})
