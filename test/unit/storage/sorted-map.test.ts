import { expect, test } from 'vitest'
import { SortedMap } from '../../../actors/storage/sorted-map.ts'
import type { Key } from '../../../protocol/key.ts'
import { SeededRandom } from '../../simulation/random.ts'

function walk(map: SortedMap<number>, start: string, end: string, reverse: boolean): string[] {
  const cursor = map.cursor(start as Key, end as Key, reverse)
  const found: string[] = []
  while (cursor.advance()) found.push(`${cursor.key}=${cursor.value}`)
  expect(cursor.advance()).toBe(false)
  return found
}

test('random sets and deletes walk like a sorted list, both ways', () => {
  const seed = Number(process.env.TAUDB_TEST_SEED ?? 1)
  const random = new SeededRandom(seed)
  for (let run = 0; run < 12; run++) {
    const map = new SortedMap<number>()
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

test('ascending and descending loads', () => {
  const names = Array.from({ length: 10_000 }, (_, i) => String(i).padStart(6, '0') as Key)
  for (const order of [names, names.toReversed()]) {
    const map = new SortedMap<number>()
    for (const key of order) map.set(key, 1)
    expect(walk(map, '', '\xff', false).map((one) => one.slice(0, 6))).toEqual(names)
  }
})
