import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkDataDirectory, takeDataDirectory } from '../../../bus/data-directory.ts'
import { temporaryDirectory } from '../../integration/server-process.ts'

test('a new directory is made, locked against others, and free again after release', async () => {
  using place = temporaryDirectory('directory')
  const path = join(place.path, 'a/b')
  const first = await takeDataDirectory(path)
  await expect(takeDataDirectory(path)).rejects.toThrow(`${path} is in use by another taudb process`)
  expect(checkDataDirectory(path)).toBe(path)
  await first.release()
  await (await takeDataDirectory(path)).release()
})

test('of two that come at the same moment one gets it', async () => {
  using place = temporaryDirectory('race')
  const both = await Promise.allSettled([takeDataDirectory(place.path), takeDataDirectory(place.path)])
  const [won, lost] = [both.filter(({ status }) => status === 'fulfilled'), both.filter(({ status }) => status === 'rejected')]
  expect([won.length, lost.length]).toEqual([1, 1])
  for (const result of won) if (result.status === 'fulfilled') await result.value.release()
})

test('a killed process leaves no lock', async () => {
  using place = temporaryDirectory('killed')
  const script = `import { takeDataDirectory } from ${JSON.stringify(join(import.meta.dirname, '../../../bus/data-directory.ts'))}
    await takeDataDirectory(${JSON.stringify(place.path)}); console.log('held'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  await expect(takeDataDirectory(place.path)).rejects.toThrow('in use')
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))
  expect(readdirSync(place.path)).toContain('lock')
  await (await takeDataDirectory(place.path)).release()
})

test('a path too long for a socket', async () => {
  using place = temporaryDirectory('long')
  const path = join(place.path, 'x'.repeat(60), 'y'.repeat(60))
  const held = await takeDataDirectory(path)
  await expect(takeDataDirectory(path)).rejects.toThrow('in use')
  await held.release()
})

test.each<[string, (path: string) => void, RegExp]>([
  ['foreign files', (path) => writeFileSync(join(path, 'photo.jpg'), ''), /is not a taudb data directory and not empty/],
  ['a newer format', (path) => writeFileSync(join(path, 'taudb.json'), '{"format": 99}'), /has format 99/],
  ['a damaged format file', (path) => writeFileSync(join(path, 'taudb.json'), '{'), /is damaged/],
])('%s are refused and left alone', async (_, prepare, message) => {
  using place = temporaryDirectory('foreign')
  const path = join(place.path, 'd')
  mkdirSync(path)
  prepare(path)
  const before = readdirSync(path)
  await expect(takeDataDirectory(path)).rejects.toThrow(message)
  expect(readdirSync(path)).toEqual(before)
})

test('a file is not a directory', async () => {
  using place = temporaryDirectory('file')
  writeFileSync(join(place.path, 'f'), '')
  await expect(takeDataDirectory(join(place.path, 'f'))).rejects.toThrow('is not a directory')
  expect(() => checkDataDirectory(join(place.path, 'nothing'))).toThrow('is not a taudb data directory')
})
