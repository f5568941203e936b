import { expect, test } from 'vitest'
import { SortedKeys } from '../../../actors/query-processor/sorted-keys.ts'
import { WriteSet } from '../../../actors/query-processor/write-set.ts'
import type { Key } from '../../../protocol/key.ts'

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
    ...written.map((write) => `${write.mode} ${write.operation} ${write.key} ${text(write.postImage ?? null)}`),
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
