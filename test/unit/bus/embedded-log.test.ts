import { describe, expect, test } from 'vitest'
import { EmbeddedLog, readLogFiles } from '../../../bus/embedded-log.ts'
import type { LogEntry } from '../../../bus/log.ts'
import { entryEnd } from '../../../bus/log-entry.ts'
import { sequence } from '../../../protocol/ids.ts'
import { Kernel } from '../../simulation/kernel.ts'
import { SimulatedNetwork } from '../../simulation/network.ts'
import { SimulatedProcess } from '../../simulation/process.ts'

const options = { directory: 'd/journal', segmentBytes: 4_096, fillBytes: 1_024, exclusive: true }

function machine(seed: number) {
  const kernel = new Kernel(seed)
  const process = new SimulatedProcess(kernel, new SimulatedNetwork(kernel), 'p')
  /** Simulated time passes until the promise settles. */
  const settle = async <T>(pending: Promise<T>): Promise<T> => {
    let done = false
    const end = (): void => {
      done = true
    }
    pending.then(end, end)
    await kernel.run(kernel.now + 60_000_000, () => done)
    return pending
  }
  return { kernel, process, settle, open: () => settle(EmbeddedLog.open(process.start().files, options)) }
}

const body = (n: number): Buffer => Buffer.from(`entry ${n} ${'x'.repeat((n * 37) % 300)}`)
const numbers = (entries: Iterable<LogEntry>): number[] => [...entries].map(({ bytes }) => Number(bytes.toString().split(' ')[1]))

async function appendAll(
  log: EmbeddedLog,
  settle: <T>(pending: Promise<T>) => Promise<T>,
  from: number,
  to: number,
): Promise<void> {
  for (let n = from; n <= to; n++)
    expect(await settle(log.append(body(n), log.last()))).toEqual({ kind: 'appended', sequence: n })
}

describe('the embedded log', () => {
  test('holds over segments and restarts what was acknowledged, in order', async () => {
    const { process, settle, open } = machine(1)
    const log = await open()
    const followed: number[] = []
    log.follow(sequence(1), (entry) => followed.push(entry.sequence))
    await appendAll(log, settle, 1, 60)
    expect(followed).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
    expect(numbers(log.read(sequence(41)))).toEqual(Array.from({ length: 20 }, (_, i) => i + 41))
    process.crash()
    const again = await open()
    expect(again.last()).toBe(60)
    expect(numbers(again.read(sequence(1)))).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
    await appendAll(again, settle, 61, 65)
  })

  test('a crash at any moment keeps every acknowledged entry and at most one that was not', async () => {
    let kept = 0
    for (let seed = 1; seed <= 60; seed++) {
      const { kernel, process, settle, open } = machine(seed)
      const log = await open()
      const count = 1 + (seed % 17)
      await appendAll(log, settle, 1, count)
      log.append(body(count + 1), log.last()).catch(() => {})
      await kernel.run(kernel.now + kernel.random('crash').integer(200))
      process.crash()
      const last = (await open()).last()
      expect([count, count + 1]).toContain(last)
      if (last > count) kept++
    }
    expect(kept).toBeGreaterThan(0)
  })

  test('one flipped bit anywhere among the entries is told, never served', async () => {
    const { process, settle, open } = machine(3)
    const log = await open()
    await appendAll(log, settle, 1, 12)
    process.crash()
    const path = process.disk.paths().find((name) => name.endsWith('.log')) as string
    const used = Array.from({ length: 12 }, (_, i) => body(i + 1).length).reduce(entryEnd, 32)
    for (let at = 0; at < used; at += 7) {
      process.disk.flipBit(path, at, at % 8)
      await expect(open(), `bit ${at % 8} of byte ${at}`).rejects.toThrow(/damaged/)
      process.crash()
      process.disk.flipBit(path, at, at % 8)
    }
    expect((await open()).last()).toBe(12)
  })

  test('a file cut short anywhere is told; what was never acknowledged is not missed', async () => {
    const { process, settle, open } = machine(8)
    const log = await open()
    await appendAll(log, settle, 1, 9)
    expect(await settle(log.append(Buffer.alloc(200_000, 'x'), log.last()))).toEqual({ kind: 'appended', sequence: 10 })
    process.crash()
    const files = process.disk.attach(() => true)
    const path = process.disk.paths().findLast((name) => name.endsWith('.log')) as string
    const whole = files.read(path)
    const used = whole.lastIndexOf('x') + 5
    const sizes = [1, 31, 32, 33, 200, 511, 512, 700, 40_000, 100_000, 190_000, used - 1, used, used + 60_000]
    for (const size of sizes) {
      await settle(files.replace(path, whole.subarray(0, size)))
      expect(() => [...readLogFiles(files, options.directory)], `${size} bytes, read`).toThrow(/damaged/)
      await expect(open(), `${size} bytes, opened`).rejects.toThrow(/damaged/)
      process.crash()
    }
    await settle(files.replace(path, whole))
    expect((await open()).last()).toBe(10)
  })

  test('a disk that was full leaves files that end early, and says so in them', async () => {
    const { process, settle, open } = machine(9)
    const log = await open()
    await appendAll(log, settle, 1, 5)
    process.disk.faults.bytesMax = process.disk.bytesUsed()
    expect(await settle(log.append(Buffer.alloc(20_000, 'x'), log.last()))).toEqual({ kind: 'appended', sequence: 6 })
    process.crash()
    const again = await open()
    expect(again.last()).toBe(6)
    process.disk.faults.bytesMax = Number.POSITIVE_INFINITY
    await appendAll(again, settle, 7, 8)
    process.crash()
    expect((await open()).last()).toBe(8)
  })

  test('an append behind another slot is refused; an identical resend is answered alike', async () => {
    const { settle, open } = machine(4)
    const log = await open()
    await appendAll(log, settle, 1, 3)
    expect(await settle(log.append(body(9), sequence(1)))).toEqual({ kind: 'refused', last: 3 })
    expect(await settle(log.append(body(3), sequence(2)))).toEqual({ kind: 'appended', sequence: 3 })
    expect(await settle(log.append(body(4), sequence(2)))).toEqual({ kind: 'refused', last: 3 })
  })

  test('a failed sync is unknown and nothing more is taken; a new log goes on', async () => {
    const { process, settle, open } = machine(5)
    const log = await open()
    await appendAll(log, settle, 1, 3)
    process.disk.faults.syncFails = 1
    expect(await settle(log.append(body(4), sequence(3)))).toEqual({ kind: 'unknown' })
    process.disk.faults.syncFails = 0
    expect(await settle(log.append(body(4), sequence(3)))).toEqual({ kind: 'unknown' })
    process.crash()
    const again = await open()
    expect([3, 4]).toContain(again.last())
    await appendAll(again, settle, again.last() + 1, 10)
  })

  test('a full disk refuses without harm, keeps a little room for claims, and takes up again when space returns', async () => {
    const { process, settle, open } = machine(6)
    const log = await open()
    await appendAll(log, settle, 1, 5)
    process.disk.faults.bytesMax = process.disk.bytesUsed()
    let outcome = await settle(log.append(body(6), log.last()))
    for (let n = 7; outcome.kind === 'appended'; n++) outcome = await settle(log.append(body(n), log.last()))
    expect(outcome).toEqual({ kind: 'full' })
    expect(log.crowded()).toBe(true)
    const last = log.last()
    process.disk.faults.bytesMax = Number.POSITIVE_INFINITY
    expect(log.crowded()).toBe(false)
    await appendAll(log, settle, last + 1, last + 5)
    process.crash()
    expect((await open()).last()).toBe(last + 5)
  })

  test('trims whole segments, never the last entry', async () => {
    const { process, settle, open } = machine(7)
    const log = await open()
    await appendAll(log, settle, 1, 80)
    const before = log.bytesUsed()
    log.trim(sequence(80))
    expect(log.bytesUsed()).toBeLessThan(before)
    expect(log.first()).toBeGreaterThan(1)
    expect(log.first()).toBeLessThanOrEqual(80)
    expect(numbers(log.read(log.first()))).toEqual(Array.from({ length: 81 - log.first() }, (_, i) => log.first() + i))
    process.crash()
    expect((await open()).last()).toBe(80)
  })
})
