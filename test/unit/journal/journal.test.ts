import { expect, test } from 'vitest'
import { Chain } from '../../../actors/journal/chain.ts'
import { Retention } from '../../../actors/journal/retention.ts'
import type { LogEntry } from '../../../bus/log.ts'
import { partition, sequence } from '../../../protocol/ids.ts'
import { decodeMessage } from '../../../protocol/record.ts'
import { tau } from '../../../protocol/time.ts'
import { Driver, k, write } from '../circle/driver.ts'
import { ScriptedLog } from '../circle/scripted-log.ts'

const entriesOf = (log: ScriptedLog): LogEntry[] => [...log.read(sequence(1))]

/** What a reader of these entries says: records, or the damage it stops at. */
function readAll(entries: readonly LogEntry[]): string {
  const chain = new Chain(partition(0))
  const seen: string[] = []
  try {
    for (const entry of entries) {
      const record = chain.accept(entry)?.decode()
      if (record !== undefined) seen.push(record.kind === 'commit' ? `commit*${record.transactions.length}` : record.kind)
    }
  } catch (error) {
    seen.push(String(error).replace(/^LogCorrupt: journal of partition 0, /, ''))
  }
  return seen.join(' ')
}

async function someRecords(): Promise<{ log: ScriptedLog; driver: Driver }> {
  const log = new ScriptedLog()
  const driver = await Driver.start({ log })
  await driver.put('a', '1')
  const begun = driver.begin()
  await Promise.all(['b', 'c'].map((name) => driver.verdict(begun, [write(name, '2')])))
  return { log, driver }
}

test('every record once flipped is noticed: by the chain at the next message, or in its own encoding', async () => {
  const { log, driver } = await someRecords()
  await driver.circle.close()
  const entries = entriesOf(log)
  expect(readAll(entries)).toBe('epoch commit*1 commit*2 heartbeat')
  for (let i = 0; i < entries.length - 1; i++) {
    const { bytes, sequence: at } = entries[i] as LogEntry
    for (let byte = 0; byte < bytes.length; byte++) {
      const flipped = Buffer.from(bytes)
      flipped[byte] = (flipped[byte] as number) ^ 0x10
      const damaged = entries.with(i, { sequence: at, bytes: flipped })
      expect(readAll(damaged)).toContain('entry')
    }
  }
})

test('gaps, swapped and repeated entries are damage', async () => {
  const { log } = await someRecords()
  const [one, two, three] = entriesOf(log) as [LogEntry, LogEntry, LogEntry]
  expect(readAll([one, three])).toBe('epoch entry 3: follows 1 with a gap')
  expect(readAll([one, { ...three, sequence: sequence(2) }])).toBe('epoch entry 2: does not continue the hash chain')
  expect(readAll([one, two, { ...two, sequence: sequence(3) }])).toContain('entry 3: does not continue the hash chain')
  expect(readAll([{ ...two, sequence: sequence(1) }])).toBe('entry 1: is the first and names a predecessor')
})

test('rule 19: a large record goes in parts and is read as one; parts without an end are void', async () => {
  const log = new ScriptedLog()
  const driver = await Driver.start({ log })
  const big = Array.from({ length: 30 }, (_, i) => ({ ...write(`m${i}`, undefined), postImage: Buffer.alloc(100_000, i) }))
  expect((await driver.verdict(driver.begin(), big)).kind).toBe('commit')
  expect(readAll(entriesOf(log))).toBe('epoch commit*1')
  expect(log.last()).toBe(1 + 4)
  expect(driver.begin().vector).toEqual([5])
  expect((await driver.getNow(driver.begin(), 'm7'))?.postImage).toEqual(Buffer.alloc(100_000, 7))
  // The disk is full after two parts: nothing of it counts, now and after a restart.
  const again = big.map((one) => ({ ...one, key: k(`n${one.key}`) }))
  const begun = driver.begin()
  const { append } = log
  let left = 2
  log.append = (bytes, expected) => {
    if (left-- === 0) log.mishaps.push('full')
    return append.call(log, bytes, expected)
  }
  expect(await driver.verdict(begun, again)).toMatchObject({ kind: 'refused', code: '53100' })
  log.append = append
  await driver.put('after', '1')
  expect(readAll(entriesOf(log))).toBe('epoch commit*1 commit*1')
  const next = await Driver.start({ log, boot: 'driver-2' })
  expect((await next.names(next.begin())).split(' ').length).toBe(31)
  await next.circle.close()
})

test('a journal that ends within a record goes on behind it', async () => {
  const { log } = await someRecords()
  const other = new ScriptedLog()
  const driver = await Driver.start({ log: other })
  const big = Array.from({ length: 30 }, (_, i) => ({ ...write(`m${i}`, undefined), postImage: Buffer.alloc(100_000, i) }))
  await driver.verdict(driver.begin(), big)
  const torn = new ScriptedLog()
  for (const { bytes } of entriesOf(other).slice(0, 4)) await torn.append(bytes, torn.last())
  const next = await Driver.start({ log: torn, boot: 'driver-2' })
  expect(await next.names(next.begin())).toBe('')
  await next.put('a', '1')
  expect(readAll(entriesOf(torn))).toBe('epoch epoch commit*1')
  await next.circle.close()
  expect(entriesOf(log).length).toBe(3)
})

/** More keys than one turn decides. */
const many = (prefix: string) =>
  Array.from({ length: 5_000 }, (_, i) => ({ ...write(`${prefix}${i}`, undefined), postImage: Buffer.alloc(300, i) }))

const kindsOf = (log: ScriptedLog): string =>
  entriesOf(log)
    .map(({ bytes }) => decodeMessage(bytes).kind)
    .join(' ')
    .replaceAll(/stage( stage)+/g, 'stages')

test('a large transaction is staged between the records of others, and its own record names the stage', async () => {
  const log = new ScriptedLog()
  const driver = await Driver.start({ log })
  const begun = driver.begin()
  const large = driver.verdict(begun, many('m'))
  let isDecided = false
  large.then(
    () => (isDecided = true),
    () => (isDecided = true),
  )
  let small = 0
  while (!isDecided) {
    await driver.put(`s${small++}`, '1')
    // All of it or nothing.
    const { keys } = await driver.scan(driver.begin(), { start: 'm', end: 'n', rowsMax: 10_000 })
    expect([0, 5_000]).toContain(keys.length)
  }
  expect((await large).kind).toBe('commit')
  expect(kindsOf(log)).toMatch(/stages? commit.*stages? commit/)
  expect((await driver.getNow(driver.begin(), 'm4999'))?.postImage).toEqual(Buffer.alloc(300, 4_999))
  expect(await driver.verdict(begun, [write('m7', 'late')])).toMatchObject({ kind: 'conflict', key: k('m7') })
  const next = await Driver.start({ log, boot: 'driver-2' })
  expect((await next.getNow(next.begin(), 'm4999'))?.postImage).toEqual(Buffer.alloc(300, 4_999))
  expect((await next.scan(next.begin(), { rowsMax: 10_000 })).keys.length).toBe(5_000 + small)
})

test('a stage without its record is nothing: after a full disk, after a restart, for the next stage and for trimming', async () => {
  const log = new ScriptedLog()
  const driver = await Driver.start({ log })
  const { append } = log
  let left = 3
  log.append = (bytes, expected) => {
    if (left-- === 0) log.mishaps.push('full')
    return append.call(log, bytes, expected)
  }
  expect(await driver.verdict(driver.begin(), many('full'))).toMatchObject({ kind: 'refused', code: '53100' })
  log.append = append
  expect(await driver.names(driver.begin())).toBe('')
  expect((await driver.verdict(driver.begin(), many('again'))).kind).toBe('commit')
  expect(kindsOf(log)).toBe('epoch stages commit')
  expect((await driver.scan(driver.begin(), { rowsMax: 10_000 })).keys.length).toBe(5_000)
  // The journal ends within a stage.
  const torn = new ScriptedLog()
  for (const { bytes } of entriesOf(log).slice(0, 6)) await torn.append(bytes, torn.last())
  const next = await Driver.start({ log: torn, boot: 'driver-2' })
  expect(await next.names(next.begin())).toBe('')
  expect((await next.verdict(next.begin(), many('n'))).kind).toBe('commit')
  expect((await next.scan(next.begin(), { rowsMax: 10_000 })).keys.length).toBe(5_000)
  expect(readAll(entriesOf(torn))).toBe('epoch epoch commit*1')
})

test('a record whose stage is not as it was written is damage', async () => {
  const log = new ScriptedLog()
  const driver = await Driver.start({ log })
  await driver.verdict(driver.begin(), many('m'))
  const entries = entriesOf(log)
  expect(readAll(entries)).toBe('epoch commit*1')
  expect(readAll(entries.toSpliced(2, 1).map((entry, i) => ({ ...entry, sequence: sequence(i + 1) })))).toContain('entry 3')
  // A log whose beginning has been trimmed away tells the id of a staged transaction, and not its writes.
  const chain = new Chain(partition(0))
  const read = entries.slice(3).map((entry) => chain.accept(entry))
  expect(read.at(-1)?.decode()).toBe(undefined)
  expect(read.at(-1)?.ids()).toEqual([{ leader: 0, epoch: 1, boot: 'driver-1', counter: 1 }])
})

test('what a stage began with is trimmed only when its record is on disk', () => {
  const retention = new Retention()
  const at = (n: number) => sequence(n)
  retention.note(at(4), tau(1_000_000), at(4))
  retention.note(at(8), tau(3_000_000), at(8))
  retention.note(at(12), tau(5_000_000), at(6))
  expect(retention.upTo(at(8), undefined, undefined)).toBe(6)
  expect(retention.upTo(at(8), undefined, at(3))).toBe(3)
  expect(retention.upTo(at(8), tau(4_000_000), undefined)).toBe(6)
  expect(retention.upTo(at(12), undefined, undefined)).toBe(12)
  expect(retention.upTo(at(12), tau(2_000_000), at(9))).toBe(4)
})

test('damage in the journal stops the start, loudly', async () => {
  const { log } = await someRecords()
  const [, second] = entriesOf(log) as [LogEntry, LogEntry]
  second.bytes[second.bytes.length - 1] = (second.bytes.at(-1) as number) ^ 1
  await expect(Driver.start({ log })).rejects.toThrow('entry 3: does not continue the hash chain')
})
