/** Two processes on one journal: what a deposed owner may still do to it, which is nothing. */
import { expect, test } from 'vitest'
import { Fenced } from '../../../actors/actor.ts'
import { Journal, type Ownership } from '../../../actors/journal/journal.ts'
import { everything } from '../../../actors/topology.ts'
import type { AppendOutcome } from '../../../bus/log.ts'
import { MemoryLog } from '../../../bus/memory-log.ts'
import { mapVersion, partition, type Sequence, sequence } from '../../../protocol/ids.ts'
import { bodyOf, encodeStatement } from '../../../protocol/record.ts'
import { tau } from '../../../protocol/time.ts'
import { testWorld } from '../circle/driver.ts'

/** Acknowledges when told to. */
class LateLog extends MemoryLog {
  late: Promise<void> = Promise.resolve()

  override async append(bytes: Uint8Array, expected: Sequence): Promise<AppendOutcome> {
    const { late } = this
    const outcome = await super.append(bytes, expected)
    await late
    return outcome
  }
}

async function journalOn(log: MemoryLog): Promise<Journal> {
  const journal = new Journal(testWorld(), log, partition(0))
  await journal.open(sequence(0), () => undefined)
  return journal
}

async function claimed(journal: Journal, news: string[], name: string): Promise<Ownership> {
  const options = { ranges: [everything], mapVersion: mapVersion(1), leadMicros: 1_000_000 }
  return await journal.claim({ ...options, deposed: () => news.push(`${name} is deposed`) })
}

const heartbeat = { kind: 'heartbeat', released: false } as const
function beat(owner: Ownership, at: number): ReturnType<Ownership['append']> {
  const time = tau(2_000_000_000_000_000 + at)
  return owner.append(heartbeat, bodyOf(encodeStatement(heartbeat)), { tau: time, horizon: time })
}

test('behind the claim of another owner nothing of the old one follows, although the log would take it', async () => {
  const log = new MemoryLog()
  const news: string[] = []
  const old = await claimed(await journalOn(log), news, 'old')
  expect(await beat(old, 1)).toMatchObject({ kind: 'appended', sequence: 2 })
  await claimed(await journalOn(log), news, 'new')
  expect(news).toEqual(['old is deposed'])
  await expect(beat(old, 2)).rejects.toThrow(Fenced)
  await expect(old.stage({ goesOn: false, payload: Buffer.from('x') }, true)).rejects.toThrow(Fenced)
  expect(log.last()).toBe(3)
})

test('an acknowledgement that comes after another owner has written is one all the same', async () => {
  const log = new LateLog()
  const news: string[] = []
  const old = await claimed(await journalOn(log), news, 'old')
  let acknowledge = (): void => {}
  log.late = new Promise((resolve) => {
    acknowledge = resolve
  })
  const beaten = beat(old, 1)
  log.late = Promise.resolve()
  await claimed(await journalOn(log), news, 'new')
  acknowledge()
  expect(await beaten).toMatchObject({ kind: 'appended', sequence: 2 })
  expect([news, log.last()]).toEqual([['old is deposed'], 3])
})
