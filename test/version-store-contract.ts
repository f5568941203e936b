/** What every version store promises. Each implementation runs it: `versionStoreContract('lmdb', ...)`. */
import { afterEach, describe, expect, test } from 'vitest'
import type { VersionStore } from '../actors/storage/version-store.ts'
import { partition, sequence } from '../protocol/ids.ts'
import { droppedStorageKey, type Key, keyAfter, keyEnd, keyStart, storagePrefix } from '../protocol/key.ts'
import type { PostImages, Write } from '../protocol/messages.ts'
import { packWrites, type Writes } from '../protocol/packed-writes.ts'
import { type Tau, tau } from '../protocol/time.ts'
import { SeededRandom } from './simulation/random.ts'

export interface StoreUnderTest {
  store: VersionStore
  /** Everything applied becomes durable. */
  sync(): Promise<void>
  /** Stops the store as it is and opens what is durable; undefined where nothing ever is. */
  reopen: (() => Promise<VersionStore>) | undefined
  dispose(): Promise<void>
}

const everything = { start: keyStart, end: keyEnd }
const key = (name: string, table = 7): Key => (storagePrefix(table) + name) as Key
const p0 = partition(0)

export function put(name: string, value: string | undefined, table = 7): Write {
  const postImage = value === undefined ? undefined : Buffer.from(value)
  return { key: key(name, table), operation: value === undefined ? 'delete' : 'update', mode: 'X', postImage }
}

/** Applies records one after the other; their sequence numbers follow. */
export class Applier {
  store: VersionStore
  private next: number[] = []

  constructor(store: VersionStore) {
    this.store = store
  }

  async apply(at: number, writes: Writes, p = p0): Promise<void> {
    const n = (this.next[p] ?? this.store.applied(p).sequence) + 1
    this.next[p] = n
    const images: PostImages = { partition: p, sequence: sequence(n), tau: tau(at), writes, traceparents: [] }
    await this.store.apply(images)
  }

  /** A large transaction, staged in pieces. */
  async staged(at: number, writes: readonly Write[]): Promise<void> {
    const { store } = this
    const sorted = [...packWrites(writes)]
    for (let from = 0; from < sorted.length; from += 3) await store.stage(p0, packWrites(sorted.slice(from, from + 3)))
    const n = (this.next[p0] ?? store.applied(p0).sequence) + 1
    this.next[p0] = n
    const images = { partition: p0, sequence: sequence(n), tau: tau(at), traceparents: [] }
    await store.apply({ ...images, writes: [], staged: sorted.length })
  }
}

function value(store: VersionStore, name: string, at: number): string | undefined {
  const found = store.get(key(name), tau(at))
  return found === undefined ? undefined : Buffer.from(found.postImage).toString()
}

export function all(store: VersionStore, at: number, options: { reverse?: boolean; start?: Key; end?: Key } = {}): string[] {
  const found: string[] = []
  const range = { start: options.start ?? everything.start, end: options.end ?? everything.end }
  store.scan(range, { reverse: options.reverse ?? false, at: tau(at) }, (name, bytes, start, end) => {
    found.push(`${name.slice(4)}=${bytes.toString('latin1', start, end)}`)
    return true
  })
  return found
}

export function versionStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`version store: ${name}`, () => {
    let under: StoreUnderTest
    const start = async (): Promise<Applier> => {
      under = await open()
      return new Applier(under.store)
    }
    afterEach(() => under.dispose())

    test('a reader sees the newest version at or below its tau, before and after it is on disk', async () => {
      const { store, ...applier } = await start()
      const apply = Applier.prototype.apply.bind(Object.assign(applier, { store }) as unknown as Applier)
      await apply(10, [put('a', 'a10'), put('b', 'b10')])
      await apply(20, [put('a', 'a20')])
      await apply(30, [put('a', undefined), put('c', 'c30')])
      await apply(40, [put('a', 'a40')])
      const look = (): unknown[] => [9, 10, 19, 20, 29, 30, 39, 40, 99].map((at) => [at, value(store, 'a', at)])
      const seen = look()
      expect(seen).toEqual([
        [9, undefined],
        [10, 'a10'],
        [19, 'a10'],
        [20, 'a20'],
        [29, 'a20'],
        [30, undefined],
        [39, undefined],
        [40, 'a40'],
        [99, 'a40'],
      ])
      const scans = (): unknown[] => [5, 10, 25, 35, 45].flatMap((at) => [all(store, at), all(store, at, { reverse: true })])
      const scanned = scans()
      expect(scanned).toEqual([
        [],
        [],
        ['a=a10', 'b=b10'],
        ['b=b10', 'a=a10'],
        ['a=a20', 'b=b10'],
        ['b=b10', 'a=a20'],
        ['b=b10', 'c=c30'],
        ['c=c30', 'b=b10'],
        ['a=a40', 'b=b10', 'c=c30'],
        ['c=c30', 'b=b10', 'a=a40'],
      ])
      expect(store.get(key('a'), tau(25))?.tau).toBe(20)
      await under.sync()
      expect(look()).toEqual(seen)
      expect(scans()).toEqual(scanned)
    })

    test('ranges are half open, and a scan ends when its reader has enough', async () => {
      const applier = await start()
      const { store } = applier
      await applier.apply(
        10,
        ['a', 'b', 'c', 'd'].map((one) => put(one, one)),
      )
      for (const round of ['in memory', 'synced']) {
        expect([round, all(store, 10, { start: key('b'), end: key('d') })]).toEqual([round, ['b=b', 'c=c']])
        expect([round, all(store, 10, { start: key('b'), end: key('d'), reverse: true })]).toEqual([round, ['c=c', 'b=b']])
        expect(all(store, 10, { start: key('d'), end: key('b') })).toEqual([])
        const seen: string[] = []
        store.scan(everything, { reverse: false, at: tau(10) }, (found) => seen.push(found.slice(4)) < 2)
        expect(seen).toEqual(['a', 'b'])
        await under.sync()
      }
    })

    test('what is deleted is passed over a part at a time', async () => {
      const applier = await start()
      const { store } = applier
      const names = Array.from({ length: 100 }, (_, i) => String(i).padStart(3, '0'))
      await applier.apply(
        10,
        names.map((one) => put(one, one)),
      )
      await under.sync()
      await applier.apply(
        20,
        names.slice(0, 60).map((one) => put(one, undefined)),
      )
      const walk = (reverse: boolean): unknown[] => {
        const parts: unknown[] = []
        let { start, end } = everything as { start: Key; end: Key }
        for (;;) {
          const found: string[] = []
          const left = store.scan({ start, end }, { reverse, at: tau(20), keysMax: 25 }, (name) => found.push(name.slice(4)) > 0)
          parts.push([found.length, left?.slice(4)])
          if (left === undefined) return parts
          if (reverse) end = keyAfter(left)
          else start = left
        }
      }
      for (let round = 0; round < 2; round++) {
        expect(walk(false)).toEqual([
          [0, '025'],
          [0, '050'],
          [15, '075'],
          [25, undefined],
        ])
        expect(walk(true)).toEqual([
          [25, '074'],
          [15, '049'],
          [0, '024'],
          [0, undefined],
        ])
        await under.sync()
      }
    })

    test('versions are ordered by tau, not by the arrival of their journals', async () => {
      const applier = await start()
      const other = partition(1)
      await applier.apply(30, [put('a', 'a30'), put('b', 'b30')])
      await under.sync()
      await applier.apply(10, [put('a', 'a10')], other)
      await applier.apply(20, [put('a', undefined), put('b', 'b20')], other)
      const look = (): unknown => [5, 10, 20, 30].map((at) => [value(applier.store, 'a', at), value(applier.store, 'b', at)])
      const expected = [
        [undefined, undefined],
        ['a10', undefined],
        [undefined, 'b20'],
        ['a30', 'b30'],
      ]
      expect(look()).toEqual(expected)
      expect(all(applier.store, 20)).toEqual(['b=b20'])
      await under.sync()
      expect(look()).toEqual(expected)
      expect(applier.store.applied(p0)).toEqual({ sequence: 1, tau: 30 })
      expect(applier.store.applied(other)).toEqual({ sequence: 2, tau: 20 })
    })

    test('what is staged is seen when its record comes, all at once, or never', async () => {
      const applier = await start()
      const { store } = applier
      const staged = (at: number, count: number): void => {
        const images = { partition: p0, sequence: sequence(store.applied(p0).sequence + 1), tau: tau(at), traceparents: [] }
        void store.apply({ ...images, writes: [], staged: count })
      }
      await applier.apply(10, [put('a', 'a10'), put('b', 'b10')])
      await store.stage(p0, packWrites([put('a', 'a30'), put('c', 'c30')]))
      await store.stage(p0, packWrites([put('d', undefined)]))
      expect(all(store, 1_000)).toEqual(['a=a10', 'b=b10'])
      // Others commit meanwhile, and the disk goes its way.
      await applier.apply(20, [put('d', 'd20')])
      await under.sync()
      expect(all(store, 1_000)).toEqual(['a=a10', 'b=b10', 'd=d20'])
      expect(() => staged(30, 2)).toThrow('staged whole')
      await store.unstage(p0)
      expect(all(store, 1_000)).toEqual(['a=a10', 'b=b10', 'd=d20'])
      await store.stage(p0, packWrites([put('a', 'a30'), put('b', undefined)]))
      await store.stage(p0, packWrites([put('c', 'c30')]))
      staged(30, 3)
      const look = (): unknown => [
        [all(store, 29), all(store, 30), all(store, 30, { reverse: true })],
        [value(store, 'a', 29), value(store, 'b', 29), value(store, 'c', 29)],
        [value(store, 'a', 30), value(store, 'b', 30), value(store, 'c', 30)],
      ]
      const expected = [
        [
          ['a=a10', 'b=b10', 'd=d20'],
          ['a=a30', 'c=c30', 'd=d20'],
          ['d=d20', 'c=c30', 'a=a30'],
        ],
        ['a10', 'b10', undefined],
        ['a30', undefined, 'c30'],
      ]
      expect(look()).toEqual(expected)
      await under.sync()
      expect(look()).toEqual(expected)
      expect(store.applied(p0)).toEqual({ sequence: 3, tau: 30 })
    })

    test('each journal stages for itself', async () => {
      const applier = await start()
      const { store } = applier
      const other = partition(1)
      await store.stage(p0, packWrites([put('a', 'a30')]))
      await store.stage(other, packWrites([put('b', 'b40'), put('c', 'c40')]))
      await applier.apply(20, [put('a', 'a20')], other)
      const images = { partition: p0, sequence: sequence(1), tau: tau(30), traceparents: [] }
      void store.apply({ ...images, writes: [], staged: 1 })
      expect(all(store, 1_000)).toEqual(['a=a30'])
      await store.unstage(p0)
      void store.apply({ ...images, partition: other, sequence: sequence(2), tau: tau(40), writes: [], staged: 2 })
      expect(all(store, 1_000)).toEqual(['a=a30', 'b=b40', 'c=c40'])
      expect(all(store, 20)).toEqual(['a=a20'])
      await under.sync()
      expect([all(store, 20), all(store, 39), all(store, 40)]).toEqual([['a=a20'], ['a=a30'], ['a=a30', 'b=b40', 'c=c40']])
    })

    test('vacuum frees what no reader at the horizon sees, tombstones and dropped tables included', async () => {
      const applier = await start()
      const { store } = applier
      await applier.apply(10, [put('a', 'a10'), put('gone', 'x'), put('x', '1', 9), put('y', '2', 9)])
      await applier.apply(20, [put('a', 'a20'), put('gone', undefined)])
      await applier.apply(30, [put('a', 'a30')])
      await applier.apply(40, [{ key: droppedStorageKey(9), operation: 'create', mode: 'E', postImage: Buffer.alloc(0) }])
      await under.sync()
      await vacuum(store, 25)
      expect(store.versionHorizon).toBe(25)
      expect([25, 30].map((at) => value(store, 'a', at))).toEqual(['a20', 'a30'])
      expect(all(store, 30)).toEqual(['a=a30', 'x=1', 'y=2'])
      await vacuum(store, 40)
      expect(all(store, 40)).toEqual(['a=a30'])
      // Nothing comes back, and nothing is left over.
      await under.sync()
      await vacuum(store, 1_000)
      expect(all(store, 1_000)).toEqual(['a=a30'])
      await applier.apply(2_000, [put('gone', 'again')])
      await under.sync()
      expect(value(store, 'gone', 2_000)).toBe('again')
    })

    test('what is synced survives, together with the position; replaying a record changes nothing', async () => {
      const applier = await start()
      await applier.apply(10, [put('a', 'a10')])
      await applier.apply(20, [put('a', 'a20'), put('b', 'b20')])
      await under.sync()
      const synced = applier.store.synced(p0)
      expect(synced).toBe(2)
      if (under.reopen === undefined) return
      const again = await under.reopen()
      expect(again.applied(p0)).toEqual({ sequence: 2, tau: 20 })
      expect([value(again, 'a', 15), value(again, 'a', 25)]).toEqual(['a10', 'a20'])
      await again.apply({ partition: p0, sequence: sequence(2), tau: tau(20), writes: [put('a', 'a20')], traceparents: [] })
      await again.apply({ partition: p0, sequence: sequence(3), tau: tau(30), writes: [put('a', 'a30')], traceparents: [] })
      await under.sync()
      expect([15, 25, 35].map((at) => value(again, 'a', at))).toEqual(['a10', 'a20', 'a30'])
    })

    test('a record larger than a turn is visible as a whole, at its tau', async () => {
      const applier = await start()
      const { store } = applier
      const names = Array.from({ length: 10_000 }, (_, i) => String(i).padStart(6, '0'))
      const applied = applier.apply(
        10,
        names.map((one) => put(one, one)),
      )
      expect(store.applied(p0).sequence).toBe(0)
      expect(all(store, 9)).toEqual([])
      await applied
      expect(store.applied(p0).sequence).toBe(1)
      const expected = names.map((one) => `${one}=${one}`)
      expect(all(store, 10)).toEqual(expected)
      await applier.apply(20, [put('000500', undefined)])
      await under.sync()
      expect(all(store, 10)).toEqual(expected)
      expect(all(store, 20).length).toBe(9_999)
      expect(all(store, 20, { reverse: true }).length).toBe(9_999)
    })

    test('a large transaction is found while the disk takes it, among what others wrote before and after', async () => {
      const applier = await start()
      const { store } = applier
      const names = Array.from({ length: 9_000 }, (_, i) => String(i * 2).padStart(6, '0'))
      await applier.apply(10, [put('000003', 'before'), put('000004', 'before')])
      await under.sync()
      await applier.staged(20, [...names.map((one) => put(one, one)), put('000003', undefined)])
      await applier.apply(30, [put('000005', 'after'), put('000006', 'after'), put('999999', 'after')])
      await applier.apply(40, packWrites([put('000008', 'again'), put('000010', undefined)]))
      const look = (): unknown => [
        [19, 20, 30, 40].map((at) => ['000003', '000004', '000006', '000008', '000010'].map((one) => value(store, one, at))),
        [19, 20, 30, 40].map((at) => all(store, at, { start: key('000001'), end: key('000012') })),
        all(store, 40, { start: key('017990'), reverse: true }),
        all(store, 20).length,
      ]
      const early = ['000002=000002', '000004=000004']
      const expected = [
        [
          ['before', 'before', undefined, undefined, undefined],
          [undefined, '000004', '000006', '000008', '000010'],
          [undefined, '000004', 'after', '000008', '000010'],
          [undefined, '000004', 'after', 'again', undefined],
        ],
        [
          ['000003=before', '000004=before'],
          [...early, '000006=000006', '000008=000008', '000010=000010'],
          [...early, '000005=after', '000006=after', '000008=000008', '000010=000010'],
          [...early, '000005=after', '000006=after', '000008=again'],
        ],
        [
          '999999=after',
          ...names
            .slice(-5)
            .reverse()
            .map((one) => `${one}=${one}`),
        ],
        9_000,
      ]
      expect(look()).toEqual(expected)
      // In the middle of being written, and afterwards.
      let isSynced = false
      const synced = under.sync().then(() => {
        isSynced = true
      })
      while (!isSynced) {
        await new Promise((resolve) => setImmediate(resolve))
        expect(look()).toEqual(expected)
      }
      await synced
      expect(look()).toEqual(expected)
    })

    test('random histories read as a naive model says', async () => {
      const seed = Number(process.env.TAUDB_TEST_SEED ?? 1)
      for (let run = 0; run < 6; run++) {
        const random = new SeededRandom(seed * 1_000 + run)
        const applier = await start()
        const model: { at: number; writes: readonly Write[] }[] = []
        let now = 100
        let horizon = 0
        for (let step = 0; step < 60; step++) {
          const draw = random.integer(10)
          if (draw < 7) {
            now += 1 + random.integer(5)
            const writes = Array.from({ length: 1 + random.integer(6) }, () => {
              const name = random.pick(['a', 'ab', 'b', 'c\0', 'c', 'd', 'e', '\xff'])
              return put(name, random.chance(0.3) ? undefined : `v${now} ${'x'.repeat(random.integer(50))}`)
            })
            if (draw < 4) await applier.apply(now, writes)
            else if (draw === 4) await applier.apply(now, packWrites(writes))
            else {
              // Another one that never comes.
              if (draw === 5) await applier.store.stage(p0, packWrites(writes.slice(1)))
              await applier.store.unstage(p0)
              await applier.staged(now, writes)
            }
            model.push({ at: now, writes })
          } else if (draw === 7) await under.sync()
          else if (draw === 8 && under.reopen !== undefined) {
            await under.sync()
            applier.store = await under.reopen()
          } else {
            horizon = Math.max(horizon, now - random.integer(60))
            await vacuum(applier.store, horizon)
          }
          const at = horizon + random.integer(Math.max(1, now - horizon + 2))
          const say = `TAUDB_TEST_SEED=${seed} run ${run} step ${step} at ${at}`
          const rows = visible(model, at)
          expect([say, all(applier.store, at)]).toEqual([say, rows])
          expect([say, all(applier.store, at, { reverse: true })]).toEqual([say, [...rows].reverse()])
          for (const row of rows) {
            const [name, expected] = row.split('=') as [string, string]
            expect([say, name, value(applier.store, name, at)]).toEqual([say, name, expected])
          }
        }
        await under.dispose()
      }
      await start()
    })
  })
}

export function visible(model: readonly { at: number; writes: readonly Write[] }[], at: number): string[] {
  const rows = new Map<Key, string | undefined>()
  for (const record of model) {
    if (record.at > at) break
    for (const { key, postImage } of record.writes) rows.set(key, postImage && Buffer.from(postImage).toString())
  }
  return [...rows]
    .filter(([, image]) => image !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, image]) => `${name.slice(4)}=${image}`)
}

export async function vacuum(store: VersionStore, horizon: number): Promise<void> {
  while (await store.vacuum(tau(horizon) as Tau)) {}
}
