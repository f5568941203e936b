/** Snapshots: what a store holds comes back in another one, while others write; whatever is damaged or missing is told. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  findSnapshots,
  loadSnapshot,
  readSnapshot,
  removeOldSnapshots,
  snapshotName,
  takeSnapshot,
} from '../../../actors/storage/snapshot.ts'
import type { VersionStore } from '../../../actors/storage/version-store.ts'
import { LmdbVersionStore } from '../../../actors/storage/version-store-lmdb.ts'
import { MemoryVersionStore } from '../../../actors/storage/version-store-memory.ts'
import { everything } from '../../../actors/topology.ts'
import { DirectoryObjects } from '../../../bus/directory-objects.ts'
import type { Objects } from '../../../bus/objects.ts'
import { realFiles } from '../../../bus/real-world.ts'
import { epoch, mapVersion, partition } from '../../../protocol/ids.ts'
import type { Write } from '../../../protocol/messages.ts'
import { endName, partName, type SnapshotEnd } from '../../../protocol/snapshot.ts'
import { tau } from '../../../protocol/time.ts'
import { SeededRandom } from '../../simulation/random.ts'
import { Applier, all, put, vacuum, visible } from '../../version-store-contract.ts'
import { temporaryDirectory, testWorld } from '../circle/driver.ts'

const { clock } = testWorld()
const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

function directory(): string {
  const made = temporaryDirectory()
  open.push(async () => made.remove())
  return made.path
}

const stores: Readonly<Record<string, () => VersionStore>> = {
  memory: () => new MemoryVersionStore(clock),
  lmdb: () => lmdb(directory()),
}

function lmdb(path: string): VersionStore {
  const store = new LmdbVersionStore(clock, path, { flushDelayMs: 1 })
  open.push(() => store.close())
  return store
}

async function taken(store: VersionStore, objects: Objects, between: () => Promise<void> = async () => {}): Promise<SnapshotEnd> {
  const snapshot = await store.snapshot()
  // Somebody writes before the first slice, too.
  await between()
  const journals = snapshot.positions.map(({ sequence, tau: at }) => ({
    sequence,
    tau: at,
    hash: '',
    epoch: epoch(1),
    closed: at,
  }))
  const name = snapshotName(snapshot.positions, 'ab')
  return await takeSnapshot({ clock, objects, name, snapshot, journals, mapVersion: mapVersion(1), range: everything })
}

const newObjects = (): DirectoryObjects => new DirectoryObjects(realFiles, directory())

describe.each(Object.keys(stores))('taken of a store in %s', (from) => {
  test.each(Object.keys(stores))('and loaded into one in %s, random histories read as a naive model says', async (to) => {
    for (let run = 0; run < 6; run++) {
      const random = new SeededRandom(7_000 + run)
      const applier = new Applier((stores[from] as () => VersionStore)())
      const model: { at: number; writes: readonly Write[] }[] = []
      let now = 100
      const step = async (): Promise<void> => {
        now += 1 + random.integer(5)
        const writes = Array.from({ length: 1 + random.integer(6) }, () =>
          put(random.pick(['a', 'ab', 'b', 'c\0', 'c', 'd', 'e', '\xff']), random.chance(0.3) ? undefined : `v${now}`),
        )
        if (random.chance(0.3)) await applier.staged(now, writes)
        else await applier.apply(now, writes)
        model.push({ at: now, writes })
      }
      for (let i = 0; i < 40; i++) await step()
      const horizon = now - random.integer(120)
      if (random.chance(0.7)) await vacuum(applier.store, horizon)
      const objects = newObjects()
      const end = await taken(applier.store, objects, async () => {
        for (let i = random.integer(5); i > 0; i--) await step()
      })
      const target = (stores[to] as () => VersionStore)()
      await loadSnapshot(objects, end, target, { clock })
      expect(target.versionHorizon).toBe(applier.store.versionHorizon)
      const at = end.journals[0]?.tau as number
      expect(target.applied(partition(0))).toEqual({ sequence: end.journals[0]?.sequence, tau: at })
      expect(target.synced(partition(0))).toBe(end.journals[0]?.sequence)
      const look = (most: number): void => {
        for (let t = Math.max(target.versionHorizon, 100); t <= most; t++)
          expect([run, t, all(target, t)]).toEqual([run, t, visible(model, t)])
      }
      look(at)
      const follower = new Applier(target)
      for (const { at: later, writes } of model.filter((one) => one.at > at)) await follower.apply(later, writes)
      look(now)
      await vacuum(target, now)
      look(now)
    }
  })
})

test('versions above the cut are left out, those below are all there', async () => {
  const applier = new Applier(new MemoryVersionStore(clock))
  for (const at of [10, 20, 30, 40]) await applier.apply(at, [put('a', `a${at}`), put(`only ${at}`, 'x')])
  await applier.apply(50, [put('a', undefined)])
  const objects = newObjects()
  const end = await taken(applier.store, objects)
  const target = lmdb(directory())
  await loadSnapshot(objects, end, target, { clock, cut: tau(30) })
  expect(all(target, 99)).toEqual(['a=a30', 'only 10=x', 'only 20=x', 'only 30=x'])
})

/** Some parts, and one that is a single large row. */
async function large(): Promise<{ objects: DirectoryObjects; end: SnapshotEnd; path: string }> {
  const applier = new Applier(new MemoryVersionStore(clock))
  const rows = Array.from({ length: 6_000 }, (_, i) => put(`row ${i}`, `${'v'.repeat(200)}${i}`))
  await applier.apply(10, rows)
  await applier.apply(20, [put('large', 'L'.repeat(2_000_000)), put('row 7', undefined)])
  const path = directory()
  const objects = new DirectoryObjects(realFiles, path)
  return { objects, end: await taken(applier.store, objects), path }
}

async function verdict(objects: Objects): Promise<string> {
  try {
    const { newest } = await findSnapshots(objects)
    if (newest === undefined) return 'incomplete'
    for await (const _ of readSnapshot(objects, newest)) {
    }
    return 'whole'
  } catch (error) {
    return (error as Error).message
  }
}

test('bytes damaged anywhere, parts missing, exchanged or of another snapshot are told', async () => {
  const { objects, end } = await large()
  expect(end.parts).toBeGreaterThan(3)
  expect(await verdict(objects)).toBe('whole')
  const names = await objects.list('')
  const random = new SeededRandom(5)
  for (const name of names) {
    const bytes = (await objects.get(name)) as Buffer
    const places = [0, 25, bytes.length - 1, ...Array.from({ length: 8 }, () => random.integer(bytes.length))]
    for (const at of places) {
      const damaged = Buffer.from(bytes)
      damaged[at] = (damaged[at] as number) ^ (1 << random.integer(8))
      await objects.put(name, damaged)
      expect(await verdict(objects)).toMatch(new RegExp(`^${name} `))
    }
    for (const length of [0, 1, 40, bytes.length - 1]) {
      await objects.put(name, bytes.subarray(0, length))
      expect(await verdict(objects)).toMatch(new RegExp(`^${name} `))
    }
    await objects.remove(name)
    expect(await verdict(objects)).toMatch(name === endName(end.name) ? /^incomplete$/ : new RegExp(`^${name} is missing`))
    await objects.put(name, bytes)
  }
  const [first, second] = [partName(end.name, 0), partName(end.name, 1)]
  const [one, two] = [(await objects.get(first)) as Buffer, (await objects.get(second)) as Buffer]
  await objects.put(first, two)
  expect(await verdict(objects)).toBe(`${first} does not follow the part before it`)
  await objects.put(first, one)
  const other = await large()
  // The same content: another snapshot's part differs by nothing but what names it.
  await objects.put(second, ((await other.objects.get(partName(other.end.name, 2))) as Buffer) ?? two)
  expect(await verdict(objects)).toMatch(/does not follow the part before it|is damaged/)
})

test('a load that is cut off leaves nothing, and the next start begins with an empty store', async () => {
  const { objects, end } = await large()
  const path = directory()
  const store = new LmdbVersionStore(clock, path, { flushDelayMs: 1 })
  const applier = new Applier(store)
  await applier.apply(5, [put('old', 'old'), put('row 9', 'old')])
  await store.close()
  const again = new LmdbVersionStore(clock, path, { flushDelayMs: 1 })
  await objects.remove(partName(end.name, 2))
  await expect(loadSnapshot(objects, end, again, { clock })).rejects.toThrow(/is missing/)
  await again.close()
  const empty = lmdb(path)
  expect([all(empty, 99), empty.applied(partition(0)).sequence, empty.synced(partition(0))]).toEqual([[], 0, 0])
  await empty.apply({
    ...end.journals[0],
    partition: partition(0),
    sequence: 1,
    tau: tau(5),
    writes: [put('a', '1')],
    traceparents: [],
  } as never)
  expect(all(empty, 99)).toEqual(['a=1'])
})

test('the newest complete snapshot counts, and old ones go', async () => {
  const applier = new Applier(new MemoryVersionStore(clock))
  const objects = newObjects()
  const names: string[] = []
  for (const at of [10, 20, 30, 40]) {
    await applier.apply(at, [put('a', `a${at}`)])
    names.push((await taken(applier.store, objects)).name)
  }
  await objects.remove(endName(names[3] as string))
  expect((await findSnapshots(objects)).newest?.name).toBe(names[2])
  expect((await findSnapshots(objects)).incomplete).toEqual([names[3]])
  await objects.remove(endName(names[0] as string))
  await removeOldSnapshots(objects, 1)
  const left = new Set((await objects.list('')).map((name) => name.split('/')[0]))
  expect([...left]).toEqual([names[2], names[3]])
})
