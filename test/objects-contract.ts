/** What every place for objects promises (bus/objects.ts). Each implementation runs it: `objectsContract('a directory', ...)`. */
import { hash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import type { Objects } from '../bus/objects.ts'

export function objectsContract(
  name: string,
  open: () => Promise<{ readonly objects: Objects; dispose(): Promise<void> }>,
): void {
  describe(`objects: ${name}`, () => {
    let dispose = async (): Promise<void> => {}
    const start = async (): Promise<Objects> => {
      const under = await open()
      dispose = under.dispose
      return under.objects
    }
    afterEach(() => dispose())

    test('what was put is got, replaced, listed and removed', async () => {
      const objects = await start()
      expect(await objects.get('a/one')).toBeUndefined()
      expect(await objects.list('')).toEqual([])
      await objects.put('a/one', Buffer.from('1'))
      expect(await objects.list('')).toEqual(['a/one'])
      await objects.put('a/two', Buffer.from('2'))
      await objects.put('ab/three-3.x', Buffer.from('3'))
      await objects.put('top', Buffer.alloc(0))
      expect(await objects.list('')).toEqual(['a/one', 'a/two', 'ab/three-3.x', 'top'])
      expect(await objects.list('a/')).toEqual(['a/one', 'a/two'])
      expect(await objects.list('a/t')).toEqual(['a/two'])
      expect(await objects.list('a')).toEqual(['a/one', 'a/two', 'ab/three-3.x'])
      expect((await objects.get('top'))?.length).toBe(0)
      await objects.put('a/one', Buffer.from('another, longer'))
      expect(String(await objects.get('a/one'))).toBe('another, longer')
      await objects.put('a/one', Buffer.from('short'))
      expect(String(await objects.get('a/one'))).toBe('short')
      await objects.remove('a/one')
      await objects.remove('a/one')
      await objects.remove('a/two')
      expect(await objects.get('a/one')).toBeUndefined()
      expect(await objects.list('')).toEqual(['ab/three-3.x', 'top'])
    })

    test('large ones come back as they were', async () => {
      const objects = await start()
      const bytes = Buffer.alloc(3_000_001)
      for (let i = 0; i < bytes.length; i += 997) bytes[i] = i % 251
      await objects.put('large', bytes)
      const found = await objects.get('large')
      expect(found?.length).toBe(bytes.length)
      expect(hash('sha256', found as Buffer)).toBe(hash('sha256', bytes))
    })

    test('writers of one name at the same time: one of them is there, whole', async () => {
      const objects = await start()
      const texts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(5_000))
      await Promise.all(texts.map((text) => objects.put('shared', Buffer.from(text)).catch(() => {})))
      expect(texts).toContain(String(await objects.get('shared')))
    })
  })
}
