import { expect, test } from 'vitest'
import { Driver, write } from './driver.ts'

test('what is committed is read at once by whoever begins afterwards, and by nobody before', async () => {
  const driver = await Driver.start()
  const before = driver.begin()
  await driver.put('a', 'one')
  const after = driver.begin()
  expect(await driver.get(after, 'a')).toBe('one')
  expect(await driver.get(before, 'a')).toBe(undefined)
  expect(driver.getNow(after, 'a')).not.toBeInstanceOf(Promise)
  expect(await driver.names(after)).toBe('a')
  await driver.circle.close()
})

test('of two writers of a key the first to commit wins; the other passes from the tau it is told', async () => {
  const driver = await Driver.start()
  await driver.put('a', '0')
  const [one, two] = [driver.begin(), driver.begin()]
  const [first, second] = await Promise.all([driver.verdict(one, [write('a', '1')]), driver.verdict(two, [write('a', '2')])])
  expect(first.kind).toBe('commit')
  expect(second).toMatchObject({ kind: 'conflict', mode: 'X' })
  if (second.kind !== 'conflict') return
  const again = await driver.beginAt(second.atLeast)
  expect(await driver.get(again, 'a')).toBe('1')
  expect((await driver.verdict(again, [write('a', '2')])).kind).toBe('commit')
  expect(await driver.get(driver.begin(), 'a')).toBe('2')
  await driver.circle.close()
})

test('scans go both ways, skip tombstones and resume where they stopped', async () => {
  const driver = await Driver.start()
  const verdict = await driver.verdict(
    driver.begin(),
    ['a', 'b', 'c', 'd'].map((name) => write(name, name)),
  )
  expect(verdict.kind).toBe('commit')
  const before = driver.begin()
  await driver.put('b', undefined)
  const begun = driver.begin()
  expect(await driver.names(before)).toBe('a b c d')
  expect(await driver.names(begun)).toBe('a c d')
  expect(await driver.names(begun, { reverse: true })).toBe('d c a')
  const page = await driver.scan(begun, { rowsMax: 2 })
  expect(page.keys.length).toBe(2)
  expect(page.resume?.slice(4)).toBe('d')
  const backwards = await driver.scan(begun, { rowsMax: 1, reverse: true })
  expect(backwards.resume?.slice(4)).toBe('c\0')
  await driver.circle.close()
})

test('a draining circle refuses commits and is deaf afterwards', async () => {
  const driver = await Driver.start()
  const begun = driver.begin()
  const closing = driver.circle.close()
  expect(await driver.verdict(begun, [write('a', '1')])).toMatchObject({ kind: 'refused', code: '57P01' })
  await closing
  expect(() => driver.beginNow()).toThrow('no-responders')
})
