import { expect, test } from 'vitest'
import { SortedKeys } from '../../../actors/query-processor/sorted-keys.ts'
import { WriteSet } from '../../../actors/query-processor/write-set.ts'
import { type Key, type KeyRange, storagePrefix } from '../../../protocol/key.ts'
import type { Mode } from '../../../protocol/messages.ts'
import { PackedWrites } from '../../../protocol/packed-writes.ts'
import { SeededRandom } from '../../simulation/random.ts'

const key = (text: string): Key => text as Key
const image = (text: string): Buffer => Buffer.from(text)
const everything = { start: key(''), end: key('\xff') }
const text = (own: Uint8Array | null | undefined): string =>
  own === undefined ? 'stored' : own === null ? 'gone' : Buffer.from(own).toString()

function told(writes: WriteSet): string[] {
  const { value } = writes.result().next()
  if (value === undefined) throw new Error('a small write set is put together at once')
  const { writes: written, checks } = value
  return [
    ...[...written].map((write) => `${write.mode} ${write.operation} ${write.key} ${text(write.postImage ?? null)}`),
    ...checks.map((check) =>
      'key' in check ? `${check.mode} ${check.key}` : `${check.mode} ${check.range.start}..${check.range.end}`,
    ),
  ]
}

test('a command sees what earlier commands wrote and not what it writes itself', () => {
  const writes = new WriteSet(1_000)
  writes.write(key('a'), image('1'), 'X', 1, false)
  expect([text(writes.visible(key('a'), 1)), text(writes.latest(key('a')))]).toEqual(['stored', '1'])
  writes.write(key('a'), image('2'), 'N', 2, false)
  expect([text(writes.visible(key('a'), 2)), text(writes.visible(key('a'), 3))]).toEqual(['1', '2'])
  writes.write(key('a'), undefined, 'X', 3, false)
  expect(text(writes.visible(key('a'), 4))).toBe('gone')
})

test('repeated writes become one, created and deleted keys none, checks strengthen writes', () => {
  const writes = new WriteSet(1_000)
  writes.write(key('created'), image('x'), 'X', 1, false)
  writes.write(key('created'), undefined, 'X', 2, false)
  writes.write(key('updated'), image('y'), 'N', 1, true)
  writes.write(key('updated'), image('z'), 'N', 2, true)
  writes.write(key('entry'), image('e'), 'E', 2, false)
  writes.write(key('again'), undefined, 'X', 1, true)
  writes.write(key('again'), image('new'), 'X', 2, true)
  writes.check(key('updated'), 'X')
  writes.check(key('entry'), 'R')
  writes.check(key('seen'), 'S')
  writes.check(key('seen'), 'R')
  writes.checkRange({ start: key('p'), end: key('q') })
  expect(told(writes)).toEqual(['X update updated z', 'E create entry e', 'X update again new', 'R p..q', 'R entry', 'S seen'])
})

test('a savepoint brings writes, checks and bytes back', () => {
  const writes = new WriteSet(1_000)
  writes.write(key('a'), image('1'), 'N', 1, true)
  const before = told(writes)
  const { bytes } = writes
  const outer = writes.mark()
  writes.write(key('a'), image('2'), 'X', 2, true)
  const inner = writes.mark()
  writes.write(key('b'), image('3'), 'X', 3, false)
  writes.check(key('c'), 'X')
  writes.rollBackTo(inner)
  expect(told(writes)).toEqual(['X update a 2'])
  writes.rollBackTo(outer)
  expect([told(writes), writes.bytes]).toEqual([before, bytes])
  expect(text(writes.visible(key('a'), 9))).toBe('1')
})

test('a write set has a bound', () => {
  const writes = new WriteSet(100)
  writes.write(key('a'), image('x'.repeat(60)), 'X', 1, false)
  expect(() => writes.write(key('b'), image('x'.repeat(60)), 'X', 1, false)).toThrow(
    'transaction size limit of 100 bytes exceeded',
  )
})

interface Modelled {
  image: string | undefined
  mode: Mode
  existed: boolean
  /** As commands before the last one that wrote it left it; undefined: as storage has it. */
  before: string | null | undefined
  command: number
}

/** Keys of three tables: one filled in order, one at random, one now and then. */
function randomKey(random: SeededRandom, step: number): Key {
  const table = random.pick([1, 1, 2, 2, 3])
  const number = table === 1 ? step : random.integer(table === 2 ? 1_000_000 : 40)
  return key(storagePrefix(table) + String(number).padStart(7, '0'))
}

test.each([1, 2, 3])('a large write set says what a naive one would, seed %i', (seed) => {
  const random = new SeededRandom(seed)
  const writes = new WriteSet(1_000_000_000)
  const model = new Map<Key, Modelled>()
  const strength = { E: 0, R: 1, S: 2, N: 3, X: 4 }
  const checked = new Map<Key, Mode>()
  const saved: { mark: number; model: Map<Key, Modelled>; checked: Map<Key, Mode> }[] = []
  let command = 1
  const visible = (entry: Modelled): string | null | undefined => (entry.command < command ? (entry.image ?? null) : entry.before)
  const states = (range: KeyRange, reverse: boolean): string[] => {
    const found = [...model].filter(([one, entry]) => one >= range.start && one < range.end && visible(entry) !== undefined)
    found.sort(([a], [b]) => (a < b ? -1 : 1))
    if (reverse) found.reverse()
    return found.map(([one, entry]) => `${one} ${visible(entry) ?? 'gone'}`)
  }
  const shown = ([one, own]: readonly [Key, Uint8Array | null]): string => `${one} ${text(own)}`
  for (let step = 0; step < 14_000; step++) {
    const draw = random.integer(2_000)
    if (draw < 1_800 || model.size === 0) {
      const one = draw < 1_500 || model.size === 0 ? randomKey(random, step) : random.pick([...model.keys()].slice(-300))
      const image = random.chance(0.9) ? `${step}${'.'.repeat(random.integer(60))}` : undefined
      const mode = random.pick(['X', 'N', 'E'] as const)
      const known = model.get(one)
      const existed = known?.existed ?? random.chance(0.5)
      writes.write(one, image === undefined ? undefined : Buffer.from(image), mode, command, existed)
      const before = known === undefined ? undefined : known.command < command ? (known.image ?? null) : known.before
      const kept = known === undefined || strength[mode] > strength[known.mode] ? mode : known.mode
      model.set(one, { image, mode: kept, existed, before, command })
    } else if (draw < 1_950) command++
    else if (draw < 1_960) {
      const one = random.chance(0.7) ? random.pick([...model.keys()]) : randomKey(random, step)
      const mode = random.pick(['R', 'S', 'X'] as const)
      writes.check(one, mode)
      const held = checked.get(one)
      if (held === undefined || strength[held] < strength[mode]) checked.set(one, mode)
    } else if (draw < 1_964) saved.push({ mark: writes.mark(), model: new Map(model), checked: new Map(checked) })
    else if (draw < 1_968 && saved.length > 0) {
      const { mark, model: then, checked: held } = saved.pop() as (typeof saved)[number]
      writes.rollBackTo(mark)
      writes.release()
      for (const map of [model, checked]) map.clear()
      for (const [one, entry] of then) model.set(one, entry)
      for (const [one, mode] of held) checked.set(one, mode)
      command++
    } else if (draw < 1_975 && saved.length > 0) {
      saved.pop()
      writes.release()
    } else if (draw < 1_985) {
      const [a, b] = [randomKey(random, step), randomKey(random, step)].sort() as [Key, Key]
      const reverse = random.chance(0.5)
      const range = random.chance(0.3) ? everything : { start: a, end: b }
      expect([...writes.within(range, reverse, command)].map(shown)).toEqual(states(range, reverse))
    }
    const one = randomKey(random, step)
    const entry = model.get(one)
    expect(writes.latest(one) === undefined ? undefined : text(writes.latest(one))).toBe(entry && (entry.image ?? 'gone'))
  }
  // What is written in order lies so from the start, the rest is sorted when the transaction ends.
  const result = writes.result()
  let step = result.next()
  while (step.done !== true) step = result.next()
  const { writes: written, checks } = step.value
  expect(written).toBeInstanceOf(PackedWrites)
  const expected = [...model]
    .filter(([, { image, existed }]) => image !== undefined || existed)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const modeOf = (one: Key, { mode }: Modelled): Mode => {
    const held = checked.get(one)
    return held === undefined || mode === 'E' || strength[mode] >= strength[held] ? mode : held
  }
  expect([...written].map((write) => `${write.key} ${write.mode} ${write.operation} ${text(write.postImage ?? null)}`)).toEqual(
    expected.map(([one, entry]) => {
      const operation = entry.image === undefined ? 'delete' : entry.existed ? 'update' : 'create'
      return `${one} ${modeOf(one, entry)} ${operation} ${entry.image ?? 'gone'}`
    }),
  )
  const isChecked = (one: Key): boolean => {
    const entry = model.get(one)
    return entry === undefined || (entry.image === undefined && !entry.existed) || entry.mode === 'E'
  }
  expect(checks).toEqual([...checked].filter(([one]) => isChecked(one)).map(([one, mode]) => ({ key: one, mode })))
})

test('own keys come in order, once, from both ends, while more are written', () => {
  const sorted = new SortedKeys()
  const expected = new Set<Key>()
  let seed = 7
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < round * 3; i++) {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      const next = key(String(seed % 1_000).padStart(4, '0'))
      sorted.add(next)
      expected.add(next)
    }
    const within = [...expected].filter((one) => one >= '0100' && one < '0800').sort()
    const range = { start: key('0100'), end: key('0800') }
    expect([...sorted.within(range, false)]).toEqual(within)
    expect([...sorted.within(range, true)]).toEqual(within.reverse())
  }
  expect([...new SortedKeys().within(everything, false)]).toEqual([])
})
