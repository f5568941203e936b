/** What every log promises (the port the protocol needs, bus/log.ts). Each implementation runs it: `logContract('embedded', ...)`. */
import { afterEach, describe, expect, test } from 'vitest'
import type { Log, LogEntry } from '../bus/log.ts'
import { sequence } from '../protocol/ids.ts'

export interface LogUnderTest {
  readonly log: Log
  /** Opens the same log again, as a new process would; undefined where nothing survives. */
  readonly reopen: (() => Promise<Log>) | undefined
  dispose(): Promise<void>
}

const body = (n: number): Buffer => Buffer.from(`entry ${n} ${'x'.repeat((n * 37) % 300)}`)

async function collect(log: Log, from: number): Promise<LogEntry[]> {
  const found: LogEntry[] = []
  for await (const entry of log.read(sequence(from))) found.push(entry)
  return found
}

const numbers = (entries: readonly LogEntry[]): string =>
  entries.map(({ sequence: at, bytes }) => (bytes.equals(body(at)) ? at : `${at}?`)).join(' ')

async function fill(log: Log, to: number): Promise<void> {
  for (let n = log.last() + 1; n <= to; n++) {
    expect(await log.append(body(n), log.last())).toEqual({ kind: 'appended', sequence: n })
  }
}

export function logContract(name: string, open: () => Promise<LogUnderTest>): void {
  describe(`log: ${name}`, () => {
    let under: LogUnderTest
    const start = async (): Promise<Log> => {
      under = await open()
      return under.log
    }
    afterEach(() => under.dispose())

    test('begins empty, numbers from 1 and reads back from anywhere', async () => {
      const log = await start()
      expect([log.first(), log.last()]).toEqual([1, 0])
      expect(await collect(log, 1)).toEqual([])
      await fill(log, 50)
      expect([log.first(), log.last()]).toEqual([1, 50])
      expect(numbers(await collect(log, 46))).toBe('46 47 48 49 50')
      expect((await collect(log, 1)).length).toBe(50)
      expect(await collect(log, 51)).toEqual([])
    })

    test('an append lands at the expected place or nowhere; an identical resend is answered alike', async () => {
      const log = await start()
      await fill(log, 3)
      expect(await log.append(body(3), sequence(2))).toEqual({ kind: 'appended', sequence: 3 })
      expect(await log.append(body(9), sequence(2))).toEqual({ kind: 'refused', last: 3 })
      expect(await log.append(body(9), sequence(7))).toEqual({ kind: 'refused', last: 3 })
      expect(numbers(await collect(log, 1))).toBe('1 2 3')
    })

    test('a follower gets what is there and what comes, each once, before the append is answered', async () => {
      const log = await start()
      await fill(log, 3)
      const seen: string[] = []
      const following = log.follow(sequence(2), ({ sequence: at }) => seen.push(`got ${at}`))
      await log.append(body(4), sequence(3)).then(() => seen.push('answered 4'))
      await log.append(body(4), sequence(3)).then(() => seen.push('answered again'))
      following.close()
      await fill(log, 5)
      expect(seen).toEqual(['got 2', 'got 3', 'got 4', 'answered 4', 'answered again'])
    })

    test('following says when it has caught up with what was there', async () => {
      const log = await start()
      await fill(log, 20)
      const seen: number[] = []
      const following = log.follow(sequence(5), ({ sequence: at }) => seen.push(at))
      await following.caughtUp
      expect(seen).toEqual(Array.from({ length: 16 }, (_, i) => i + 5))
      following.close()
    })

    test('large and tiny entries', async () => {
      const log = await start()
      const entries = [Buffer.alloc(1_000_000, 7), Buffer.from([0]), Buffer.alloc(3), Buffer.alloc(70_000, 0)]
      for (const entry of entries) expect((await log.append(entry, log.last())).kind).toBe('appended')
      expect((await collect(log, 1)).map(({ bytes }, i) => bytes.equals(entries[i] as Buffer))).toEqual([true, true, true, true])
    })

    test('a trim takes only what lies below, and never the end', async () => {
      const log = await start()
      await fill(log, 40)
      log.trim(sequence(30))
      expect(log.first()).toBeLessThanOrEqual(30)
      expect(numbers(await collect(log, 30))).toBe('30 31 32 33 34 35 36 37 38 39 40')
      log.trim(sequence(1_000))
      expect([log.first() <= 40, log.last()]).toEqual([true, 40])
      await fill(log, 42)
      expect(numbers(await collect(log, 40))).toBe('40 41 42')
    })

    test('what was answered is there when it is opened again', async () => {
      const log = await start()
      await fill(log, 45)
      log.trim(sequence(20))
      const before = numbers(await collect(log, 20))
      if (under.reopen === undefined) return
      const again = await under.reopen()
      expect(again.last()).toBe(45)
      expect(numbers(await collect(again, 20))).toBe(before)
      await fill(again, 60)
      expect(numbers(await collect(again, 58))).toBe('58 59 60')
    })
  })
}
