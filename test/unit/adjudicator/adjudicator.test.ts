import { expect, test } from 'vitest'
import { ask } from '../../../actors/actor.ts'
import { MemoryVersionStore } from '../../../actors/storage/version-store-memory.ts'
import { sequence, type TransactionId } from '../../../protocol/ids.ts'
import { leaseMicros } from '../../../protocol/limits.ts'
import type { AdjudicatorRequests, Check, Mode, Write } from '../../../protocol/messages.ts'
import { decodeMessage } from '../../../protocol/record.ts'
import { tau } from '../../../protocol/time.ts'
import { type Begun, Driver, k, testWorld, write } from '../circle/driver.ts'
import { ScriptedLog } from '../circle/scripted-log.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function outcome(driver: Driver, id: TransactionId, begun: Begun) {
  return await ask<AdjudicatorRequests, 'outcome'>(driver.world, driver.address, {
    kind: 'outcome',
    clock: driver.circle.clock.read(),
    id,
    tauStart: begun.tauStart,
  })
}

/** Records as 'kind' or 'kind*n' for n transactions' worth of messages. */
const kinds = (log: ScriptedLog): string => [...log.read(sequence(1))].map(({ bytes }) => decodeMessage(bytes).kind).join(' ')

test('rule 4: two transactions that ran at the same time, every pair of modes', async () => {
  const driver = await Driver.start()
  const lines: string[] = []
  for (const first of ['X', 'N', 'S', 'R'] as Mode[]) {
    for (const second of ['X', 'N', 'S', 'R'] as Mode[]) {
      const name = `${first}${second}`
      const [one, two] = [driver.begin(), driver.begin()]
      const writes = (mode: Mode): Write[] => (mode === 'X' || mode === 'N' ? [write(name, 'v', mode)] : [])
      const checks = (mode: Mode): Check[] => (mode === 'X' || mode === 'N' ? [] : [{ key: k(name), mode }])
      expect((await driver.verdict(one, writes(first), checks(first))).kind).toBe('commit')
      const verdict = await driver.verdict(two, writes(second), checks(second))
      lines.push(`${first} then ${second}: ${verdict.kind}`)
    }
  }
  expect(lines).toEqual([
    'X then X: conflict',
    'X then N: conflict',
    'X then S: conflict',
    'X then R: conflict',
    'N then X: conflict',
    'N then N: conflict',
    'N then S: commit',
    'N then R: conflict',
    'S then X: conflict',
    'S then N: commit',
    'S then S: commit',
    'S then R: commit',
    'R then X: commit',
    'R then N: commit',
    'R then S: commit',
    'R then R: commit',
  ])
  await driver.circle.close()
})

test('rule 2: what is adjudicated while an append is in flight forms one record, and is decided against it', async () => {
  const log = new ScriptedLog()
  const driver = await Driver.start({ log })
  const begun = driver.begin()
  log.hold()
  const first = driver.verdict(begun, [write('a', '1')])
  await turn()
  await turn()
  const rest = ['b', 'c', 'a', 'd'].map((name) => driver.verdict(begun, [write(name, '2')]))
  await turn()
  expect(log.appends).toBe(2)
  log.release()
  const [a, b, c, again, d] = await Promise.all([first, ...rest])
  expect([a, b, c, again, d].map((verdict) => verdict?.kind)).toEqual(['commit', 'commit', 'commit', 'conflict', 'commit'])
  if (b?.kind !== 'commit' || c?.kind !== 'commit' || a?.kind !== 'commit' || again?.kind !== 'conflict') return
  expect(b.tauCommit).toBe(c.tauCommit)
  expect(again.atLeast).toBe(a.tauCommit)
  expect(kinds(log)).toBe('epoch commit commit')
  await driver.circle.close()
})

test('a refusal by a record that has not been sent names that record, once its tau is known', async () => {
  const log = new ScriptedLog()
  const driver = await Driver.start({ log })
  const begun = driver.begin()
  log.hold()
  const running = driver.verdict(begun, [write('x', '1')])
  await turn()
  await turn()
  const winner = driver.verdict(begun, [write('a', '1')])
  const loser = driver.verdict(begun, [write('a', '2')])
  log.release()
  await running
  const [won, lost] = await Promise.all([winner, loser])
  expect(won.kind).toBe('commit')
  expect(lost).toMatchObject({ kind: 'conflict', atLeast: won.kind === 'commit' ? won.tauCommit : 0 })
  await driver.circle.close()
})

test('an id is decided once: copies get the same answer, late copies none', async () => {
  const driver = await Driver.start()
  const begun = driver.begin()
  const id = driver.newId()
  const [one, two] = await Promise.all([
    driver.commit(begun, [write('a', '1')], [], id),
    driver.commit(begun, [write('a', '1')], [], id),
  ])
  expect(one.verdict.kind).toBe('commit')
  expect(two.verdict).toEqual(one.verdict)
  expect((await driver.commit(begun, [write('a', '1')], [], id)).verdict).toEqual(one.verdict)
  const refused = driver.newId()
  const first = await driver.commit(begun, [write('a', '2')], [], refused)
  expect(first.verdict.kind).toBe('conflict')
  await driver.put('b', '1')
  expect((await driver.commit(begun, [write('zz', '2')], [], refused)).verdict).toEqual(first.verdict)
  expect(() => driver.commit(begun, [write('c', '1')], [], driver.newId(), begun.tauStart)).toThrow('timeout')
  await driver.circle.close()
})

test('rule 7: what became of an id', async () => {
  const log = new ScriptedLog()
  const driver = await Driver.start({ log })
  const begun = driver.begin()
  const [committed, refused, unheard, running] = [driver.newId(), driver.newId(), driver.newId(), driver.newId()]
  const { verdict } = await driver.commit(begun, [write('a', '1')], [], committed)
  await driver.commit(begun, [write('a', '2')], [], refused)
  expect(await outcome(driver, committed, begun)).toEqual({
    kind: 'committed',
    tauCommit: verdict.kind === 'commit' ? verdict.tauCommit : 0,
  })
  expect(await outcome(driver, refused, begun)).toEqual({ kind: 'aborted' })
  // Asked first, an unheard id is barred: the commit request that comes later finds itself aborted.
  expect(await outcome(driver, unheard, begun)).toEqual({ kind: 'aborted' })
  expect((await driver.commit(begun, [write('u', '1')], [], unheard)).verdict.kind).toBe('tooOld')
  log.hold()
  const pending = driver.commit(begun, [write('r', '1')], [], running)
  const asked = outcome(driver, running, begun)
  await turn()
  await turn()
  log.release()
  expect((await pending).verdict.kind).toBe('commit')
  expect((await asked).kind).toBe('committed')
  await driver.circle.close()
})

test('rules 7 and 8: after a restart the journal knows what was committed, and running transactions are too old', async () => {
  const log = new ScriptedLog()
  const driver = await Driver.start({ log })
  const begun = driver.begin()
  const committed = driver.newId()
  await driver.commit(begun, [write('a', '1')], [], committed)
  const running = driver.begin()
  const lost = driver.newId()
  // Nobody says goodbye: the next one finds the log as it is.
  const next = await Driver.start({ log, boot: 'driver-2' })
  expect((await outcome(next, committed, begun)).kind).toBe('committed')
  expect(await outcome(next, lost, running)).toEqual({ kind: 'aborted' })
  const verdict = await next.verdict(running, [write('b', '1')])
  expect(verdict.kind).toBe('tooOld')
  if (verdict.kind !== 'tooOld') return
  const again = await next.beginAt(verdict.atLeast)
  expect(await next.get(again, 'a')).toBe('1')
  expect((await next.verdict(again, [write('b', '1')])).kind).toBe('commit')
  await next.circle.close()
})

test('rule 3: with the clock an hour back after a restart, commits succeed at once and tau goes on rising', async () => {
  const log = new ScriptedLog()
  const world = testWorld()
  const driver = await Driver.start({ log, world })
  const before = await driver.put('a', '1')
  await driver.circle.close()
  const real = testWorld()
  const late = testWorld({ clock: { ...real.clock, now: () => real.clock.now() - 3_600_000_000 } })
  const next = await Driver.start({ log: Object.assign(log), world: late, boot: 'driver-2' })
  expect(await next.get(next.begin(), 'a')).toBe('1')
  let last = before
  for (let i = 0; i < 5; i++) {
    const at = await next.put('a', String(i))
    expect(at).toBeGreaterThan(last)
    last = at
  }
  expect(await next.get(next.begin(), 'a')).toBe('4')
  await next.circle.close()
})

test('rule 6: a lost acknowledgement or a lost append ends in one record, and nobody hears "aborted"', async () => {
  const log = new ScriptedLog()
  const driver = await Driver.start({ log })
  log.mishaps.push('unacknowledged')
  await driver.put('a', '1')
  log.mishaps.push('lost', 'unacknowledged')
  await driver.put('b', '2')
  expect(kinds(log)).toBe('epoch commit commit')
  expect(await driver.names(driver.begin())).toBe('a b')
  await driver.circle.close()
})

test('a log that never answers stops the owner; what was asked stays without an answer', async () => {
  const log = new ScriptedLog()
  const world = testWorld()
  const driver = await Driver.start({ log, world })
  log.mishaps.push('lost', 'lost', 'lost')
  await expect(driver.verdict(driver.begin(), [write('a', '1')])).rejects.toThrow('closed')
  expect(world.failures.map(String)).toEqual(['Error: the journal does not answer: giving up'])
})

test('a full disk refuses commits with 53100 and nothing else; when there is room they pass', async () => {
  const log = new ScriptedLog()
  const driver = await Driver.start({ log })
  await driver.put('a', '1')
  const begun = driver.begin()
  log.mishaps.push('full')
  expect(await driver.verdict(begun, [write('a', '2')])).toMatchObject({ kind: 'refused', code: '53100' })
  expect(await driver.get(driver.begin(), 'a')).toBe('1')
  log.isCrowded = true
  expect(await driver.verdict(driver.begin(), [write('b', '2')])).toMatchObject({ kind: 'refused', code: '53100' })
  log.isCrowded = false
  await driver.put('b', '3')
  await driver.put('a', '3')
  expect(await driver.names(driver.begin())).toBe('a b')
  await driver.circle.close()
})

test('rule 13: a closed time beyond the horizon appends one heartbeat, one within it nothing', async () => {
  const log = new ScriptedLog()
  const driver = await Driver.start({ log })
  const { tauStart } = driver.begin()
  const near = await driver.beginAt(tau(tauStart + 10))
  expect(near.vector).toEqual([1])
  expect(kinds(log)).toBe('epoch')
  // What was closed stays closed: the next commit lies above.
  expect(await driver.put('a', '1')).toBeGreaterThan(near.tauStart)
  const far = await driver.beginAt(tau(driver.circle.clock.read() + 2_000_000))
  expect(kinds(log)).toBe('epoch commit heartbeat')
  expect(await driver.put('a', '2')).toBeGreaterThan(far.tauStart)
  expect(await driver.get(far, 'a')).toBe('1')
  await driver.circle.close()
})

test('rule 12: without a lock, begin answers from a valid lease or waits for an append sent after it was asked', async () => {
  const log = new ScriptedLog({ exclusive: false })
  const real = testWorld()
  let skew = 0
  const world = testWorld({ clock: { ...real.clock, monotonic: () => real.clock.monotonic() + skew } })
  const driver = await Driver.start({ log, world })
  expect(driver.beginNow().sequence).toBe(1)
  skew = 2_100_000
  const answer = ask<AdjudicatorRequests, 'begin'>(world, driver.address, { kind: 'begin', clock: 0 })
  expect(answer).toBeInstanceOf(Promise)
  expect((await answer).sequence).toBe(2)
  expect(kinds(log)).toBe('epoch heartbeat')
  expect(driver.beginNow().sequence).toBe(2)
  await driver.circle.close()
})

test('rules 1 and 6: a second owner takes over; the first stops without a word and comes back as the third', async () => {
  const log = new ScriptedLog({ exclusive: false })
  const real = testWorld()
  let skew = 0
  const sleep = async (ms: number): Promise<void> => {
    skew += ms * 1_000
  }
  const world = testWorld({ clock: { ...real.clock, monotonic: () => real.clock.monotonic() + skew, sleep } })
  const driver = await Driver.start({ log, world })
  await driver.put('a', '1')
  const old = driver.address
  const other = await Driver.start({ log, world: testWorld({ clock: world.clock }), boot: 'driver-2' })
  await other.put('a', '2')
  expect(driver.address).toBe(old)
  expect(() => driver.begin()).toThrow('no-responders')
  expect(kinds(log)).toBe('epoch commit epoch commit')
  await real.clock.sleep(260)
  expect(kinds(log)).toBe('epoch commit epoch commit epoch')
  expect(await driver.get(driver.begin(), 'a')).toBe('2')
  await driver.put('a', '3')
  expect(world.failures).toEqual([])
})

test('rule 1: who follows a farewell need not wait, who follows a silent owner waits for its lease', async () => {
  const log = new ScriptedLog({ exclusive: false })
  const real = testWorld()
  const slept: number[] = []
  let skew = 0
  const sleep = async (ms: number): Promise<void> => {
    slept.push(ms)
    skew += ms * 1_000
  }
  const world = () => testWorld({ clock: { ...real.clock, monotonic: () => real.clock.monotonic() + skew, sleep } })
  const first = await Driver.start({ log, world: world() })
  await first.circle.close()
  expect(kinds(log)).toBe('epoch heartbeat')
  await Driver.start({ log, world: world() })
  expect(slept).toEqual([])
  await Driver.start({ log, world: world() })
  expect(slept.length).toBe(1)
  expect(slept[0]).toBeGreaterThan((leaseMicros / 1_000) * 1.08)
})

test('rule 1: whoever has sent a farewell answers no begin, though the lease would hold and nobody acknowledges it', async () => {
  const log = new ScriptedLog({ exclusive: false })
  const first = await Driver.start({ log, world: testWorld() })
  await first.put('a', '1')
  log.mishaps.push('unacknowledged')
  const closing = first.circle.close()
  await turn()
  await turn()
  expect(kinds(log)).toBe('epoch commit heartbeat')
  // Here somebody else may claim, and write what this begin must see.
  const begun = ask<AdjudicatorRequests, 'begin'>(first.world, first.address, { kind: 'begin', clock: 0 })
  expect(begun).toBeInstanceOf(Promise)
  await expect(begun).rejects.toThrow('closed')
  await closing
})

test('rule 7: two who ask at the same time what became of an id that nobody has heard of', async () => {
  const driver = await Driver.start()
  const [begun, id] = [driver.begin(), driver.newId()]
  expect(await Promise.all([outcome(driver, id, begun), outcome(driver, id, begun)])).toEqual([
    { kind: 'aborted' },
    { kind: 'aborted' },
  ])
  expect((await driver.commit(begun, [write('a', '1')], [], id)).verdict.kind).toBe('tooOld')
  await driver.circle.close()
})

test('a long transaction is decided in slices: others commit meanwhile, and meet what it has entered', async () => {
  const driver = await Driver.start()
  const begun = driver.begin()
  const many = Array.from({ length: 20_000 }, (_, i) => write(`m${String(i).padStart(5, '0')}`, 'big'))
  const long = driver.verdict(begun, many)
  await turn()
  await turn()
  const others = await Promise.all([
    driver.verdict(begun, [write('other', '1')]),
    driver.verdict(begun, [write('m00001', 'small')]),
    driver.verdict(begun, [write('m19999', 'small')]),
  ])
  // The first slice holds m00001; m19999 is still free, so the long one loses it.
  expect(others.map(({ kind }) => kind)).toEqual(['commit', 'conflict', 'commit'])
  expect(await long).toMatchObject({ kind: 'conflict', key: k('m19999') })
  const again = driver.begin()
  expect(await driver.get(again, 'm00001')).toBe(undefined)
  const [first, second] = [driver.verdict(again, many), driver.verdict(again, many)]
  expect([(await first).kind, (await second).kind]).toEqual(['commit', 'conflict'])
  const after = driver.begin()
  expect(await driver.get(after, 'm00001')).toBe('big')
  expect(await driver.get(after, 'm19999')).toBe('big')
  expect(await driver.get(again, 'm00001')).toBe(undefined)
  await driver.circle.close()
})

test('rule 17: ranges are stated again when the old statement is in the way of a trim', async () => {
  const log = new ScriptedLog()
  const versionStore = new MemoryVersionStore(testWorld().clock)
  const retention = { recordsMicros: 0, bytesMax: 0, trimDelayMs: 5 }
  const driver = await Driver.start({ log, versionStore, retention })
  for (let i = 0; i < 5; i++) await driver.put('a', String(i))
  while (log.first() <= 6) await driver.world.clock.sleep(2)
  expect(kinds(log)).toMatch(/^(epoch ?)+$/)
  await driver.put('b', '1')
  await driver.circle.close()
  const next = await Driver.start({ log, versionStore: new MemoryVersionStore(testWorld().clock), boot: 'x' }).catch(
    (error) => error,
  )
  expect(String(next)).toContain('entries are missing')
  const kept = await Driver.start({ log, versionStore, boot: 'driver-2' })
  expect(await kept.names(kept.begin())).toBe('a b')
  expect(await outcome(kept, { ...kept.newId(), boot: 'long-ago' }, { tauStart: tau(5), vector: [] })).toEqual({
    kind: 'unknown',
  })
  await kept.circle.close()
})
