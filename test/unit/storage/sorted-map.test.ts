import { expect, test } from 'vitest'
import { LateSortedMap } from '../../../actors/storage/late-sorted-map.ts'
import { SortedMap } from '../../../actors/storage/sorted-map.ts'
import type { Key } from '../../../protocol/key.ts'
import { SeededRandom } from '../../simulation/random.ts'

type AnyMap = SortedMap<number> | LateSortedMap<number>

const kinds: readonly [string, () => AnyMap][] = [
  ['sorted', () => new SortedMap<number>()],
  ['sorted late', () => new LateSortedMap<number>()],
]

function walk(map: AnyMap, start: string, end: string, reverse: boolean): string[] {
  const cursor = map.cursor(start as Key, end as Key, reverse)
  const found: string[] = []
  while (cursor.advance()) found.push(`${cursor.key}=${cursor.value}`)
  expect(cursor.advance()).toBe(false)
  return found
}

test.each(kinds)('random sets and deletes walk like a sorted list, both ways: %s', (_, make) => {
  const seed = Number(process.env.TAUDB_TEST_SEED ?? 1)
  const random = new SeededRandom(seed)
  for (let run = 0; run < 12; run++) {
    const map = make()
    const model = new Map<string, number>()
    const space = [20, 2_000, 20_000][run % 3] as number
    const name = (): string => random.integer(space).toString(36)
    for (let step = 0; step < 4_000; step++) {
      const key = name()
      if (random.chance(run < 6 ? 0.3 : 0.55)) {
        expect(map.delete(key as Key)).toBe(model.delete(key))
      } else {
        map.set(key as Key, step)
        model.set(key, step)
      }
      if (step % 500 !== 0) continue
      const [start, end] = [name(), name()]
      const inside = [...model].filter(([one]) => one >= start && one < end).sort(([a], [b]) => (a < b ? -1 : 1))
      const expected = inside.map(([one, value]) => `${one}=${value}`)
      const say = `TAUDB_TEST_SEED=${seed} run ${run} step ${step} [${start}, ${end})`
      expect([say, walk(map, start, end, false)]).toEqual([say, start < end ? expected : []])
      expect([say, walk(map, start, end, true)]).toEqual([say, start < end ? expected.reverse() : []])
      expect([say, map.size]).toEqual([say, model.size])
    }
    for (const key of [...model.keys()]) {
      expect(map.get(key as Key)).toBe(model.get(key))
      map.delete(key as Key)
    }
    expect([map.size, walk(map, '', '\xff', false), walk(map, '', '\xff', true)]).toEqual([0, [], []])
    map.set('again' as Key, 1)
    expect(walk(map, '', '\xff', false)).toEqual(['again=1'])
  }
})

test.each(kinds)('ascending and descending loads: %s', (_, make) => {
  const names = Array.from({ length: 10_000 }, (_, i) => String(i).padStart(6, '0') as Key)
  for (const order of [names, names.toReversed()]) {
    const map = make()
    for (const key of order) map.set(key, 1)
    expect(walk(map, '', '\xff', false).map((one) => one.slice(0, 6))).toEqual(names)
  }
})

test('a walk behind many new keys finds those that have no place yet, those that are gone left out and none twice', () => {
  const random = new SeededRandom(Number(process.env.TAUDB_TEST_SEED ?? 2))
  const map = new LateSortedMap<number>()
  const model = new Map<string, number>()
  for (let round = 0; round < 6; round++) {
    for (let step = 0; step < 6_000; step++) {
      const key = random.integer(9_000).toString(36)
      if (random.chance(0.3)) expect(map.delete(key as Key)).toBe(model.delete(key))
      else {
        map.set(key as Key, step)
        model.set(key, step)
      }
    }
    const expected = [...model].filter(([key]) => key >= '2' && key < 'x').map(([key, value]) => `${key}=${value}`)
    expected.sort((a, b) => ((a.split('=')[0] as string) < (b.split('=')[0] as string) ? -1 : 1))
    expect(walk(map, '2', 'x', false)).toEqual(expected)
    expect(walk(map, '2', 'x', true)).toEqual(expected.reverse())
  }
})
