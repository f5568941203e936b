/** R9: every record of a journal is damaged once, and every time the damage is noticed at the next start; nothing of it is served. */
import { expect, test } from 'vitest'
import { Chain } from '../../actors/journal/chain.ts'
import { EmbeddedLog, readLogFiles } from '../../bus/embedded-log.ts'
import { LogCorrupt } from '../../bus/log.ts'
import { entryEnd, entryStart } from '../../bus/log-entry.ts'
import type { Files } from '../../bus/world.ts'
import { partition, sequence } from '../../protocol/ids.ts'
import { SimulatedDatabase } from './database.ts'
import { Kernel } from './kernel.ts'
import { drawSettings } from './settings.ts'

const directory = 'data/journal'

async function written(): Promise<{ kernel: Kernel; database: SimulatedDatabase }> {
  const kernel = new Kernel(5)
  const settings = { ...drawSettings(kernel), segmentBytes: 8_192, fillBytes: 8_192 }
  const database = new SimulatedDatabase(kernel, {
    ...settings,
    retention: { recordsMicros: 1e12, bytesMax: 1e12, trimDelayMs: 1e6 },
  })
  let ended = false
  const script = async (): Promise<void> => {
    for (const name of database.processes.keys()) await database.start(name)
    const client = database.connect('processor 1')
    await client?.query('create table t (a int primary key, b text)')
    for (let i = 0; i < 60; i++) await client?.query(`insert into t values (${i}, 'row ${i}')`)
    // The last record holds whole sectors of zeros: what a torn write looks like most.
    await client?.query('create table zeros (a int primary key, b bytea)')
    await client?.query(`insert into zeros values (1, '\\x${'00'.repeat(2_000)}')`)
    ended = true
  }
  script().catch((error: unknown) => kernel.fail(error))
  await kernel.run(20_000_000, () => ended)
  expect(ended).toBe(true)
  return { kernel, database }
}

test('one flipped bit in any record stops the journal loudly', { timeout: 60_000 }, async () => {
  const { kernel, database } = await written()
  const { disk } = database.process('circle')
  const files = disk.attach(() => true)
  const places = entriesOf(files)
  expect(places.length).toBeGreaterThan(60)
  const random = kernel.random('flips')
  let flips = 0
  const isTold = async ({ path, at, bit }: { path: string; at: number; bit: number }): Promise<boolean> => {
    flips++
    expect(disk.flipBit(path, at, bit)).toBe(true)
    const log = EmbeddedLog.open(files, { directory, segmentBytes: 8_192, fillBytes: 8_192, exclusive: true })
    let outcome: unknown
    log.then(
      (opened) => {
        const chain = new Chain(partition(0))
        for (const entry of opened.read(sequence(1))) chain.accept(entry)?.decode()
        outcome = 'served'
      },
      (error: unknown) => {
        outcome = error
      },
    )
    await kernel.run(kernel.now + 1_000_000, () => outcome !== undefined)
    disk.flipBit(path, at, bit)
    return outcome instanceof LogCorrupt
  }
  for (const { path, from, to } of places) {
    const flip = { path, at: from + random.integer(to - from), bit: random.integer(8) }
    expect(await isTold(flip), JSON.stringify(flip)).toBe(true)
  }
  const { path, from, to } = places.at(-1) as (typeof places)[number]
  expect(files.read(path).subarray(from, to).includes(Buffer.alloc(500))).toBe(true)
  for (let at = from; at < to; at += 5)
    expect(await isTold({ path, at, bit: at % 8 }), `byte ${at - from} of the last`).toBe(true)
  expect(kernel.counters.get('fault bit flip')).toBe(flips * 2)
})

/** Where every entry lies. */
function entriesOf(files: Files): { path: string; from: number; to: number }[] {
  const firsts = files.list(directory).map((name) => Number(name.slice(0, 16)))
  const places: { path: string; from: number; to: number }[] = []
  let at = 32
  for (const { sequence: number, bytes } of readLogFiles(files, directory)) {
    if (firsts.includes(number)) at = 32
    const first = firsts.findLast((one) => one <= number) as number
    const to = entryEnd(at, bytes.length)
    places.push({ path: `${directory}/${String(first).padStart(16, '0')}.log`, from: entryStart(at), to })
    at = to
  }
  return places
}

test('an empty segment that a full disk and a power cut left behind is nobody’s', async () => {
  const { kernel, database } = await written()
  const files = database.process('circle').disk.attach(() => true)
  const before = [...readLogFiles(files, directory)].length
  // Its creation was undone for want of space, and the crash undid the undoing: entries went on in the segment before it.
  files.open(`${directory}/0000000000000003.log`, 'create')
  expect([...readLogFiles(files, directory)]).toHaveLength(before)
  let last = 0
  EmbeddedLog.open(files, { directory, segmentBytes: 8_192, fillBytes: 8_192, exclusive: true }).then(
    (log) => (last = log.last()),
    (error: unknown) => kernel.fail(error),
  )
  await kernel.run(kernel.now + 1_000_000, () => last > 0)
  expect(last).toBe(before)
})
