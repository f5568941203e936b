import { expect, test } from 'vitest'
import { contains, type Key, keyAfter, prefixRange, storageIdOf, storagePrefix } from '../../protocol/key.ts'

test('a storage prefix keeps its id and the order of ids', () => {
  for (const id of [0, 1, 255, 256, 65_535, 16_777_216, 4_294_967_294]) expect(storageIdOf(storagePrefix(id))).toBe(id)
  expect(storagePrefix(255) < storagePrefix(256)).toBe(true)
})

test('a prefix range holds the prefix, all that follows it and nothing else', () => {
  const range = prefixRange(storagePrefix(0xff))
  expect(contains(range, storagePrefix(0xff))).toBe(true)
  expect(contains(range, `${storagePrefix(0xff)}\xff\xff` as Key)).toBe(true)
  expect(contains(range, storagePrefix(0x100))).toBe(false)
  expect(contains(range, storagePrefix(0xfe))).toBe(false)
})

test('nothing lies between a key and keyAfter', () => {
  const key = 'ab' as Key
  expect(keyAfter(key) > key).toBe(true)
  expect(keyAfter(key) <= ('ab\0' as Key)).toBe(true)
})
