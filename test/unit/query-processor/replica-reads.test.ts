import { beforeEach, expect, test } from 'vitest'
import { ReplicaReads } from '../../../actors/query-processor/replica-reads.ts'
import { singleMap, Topology } from '../../../actors/topology.ts'
import { BusError } from '../../../bus/bus.ts'
import type { Timer, World } from '../../../bus/world.ts'
import { SqlError } from '../../../protocol/errors.ts'
import type { GetRequest } from '../../../protocol/messages.ts'

/** What a replica does with a question: the milliseconds it takes to answer, or why it never does. */
type Manner = number | 'silent' | 'gone' | 'behind' | 'wrong'

let nowMs: number
let timers: { readonly at: number; readonly action: () => void }[]
let manners: Map<string, Manner>
let asked: string[]
let topology: Topology
let reads: ReplicaReads

beforeEach(() => {
  nowMs = 0
  timers = []
  manners = new Map()
  asked = []
  topology = new Topology(singleMap)
  reads = new ReplicaReads(world, topology)
})

const after = (delayMs: number, action: () => void): Timer => {
  const timer = { at: nowMs + delayMs, action }
  timers.push(timer)
  return { cancel: () => void timers.splice(timers.indexOf(timer) >>> 0, 1) }
}

const world = {
  clock: { monotonic: () => nowMs * 1_000, after },
  bus: {
    request: (subject: string) => {
      asked.push(subject)
      const manner = manners.get(subject) ?? 'gone'
      if (manner === 'gone') throw new BusError('no-responders', subject)
      if (manner === 'behind') throw new SqlError('57P03', 'storage is behind the journal')
      if (manner === 'wrong') throw new SqlError('72000', 'snapshot too old')
      return new Promise<string>((resolve) => {
        if (manner !== 'silent') after(manner, () => resolve(subject))
      })
    },
  },
} as unknown as World

/** Lets this much time go by, one timer after the other. */
async function pass(ms: number): Promise<void> {
  const until = nowMs + ms
  for (;;) {
    for (let i = 0; i < 10; i++) await Promise.resolve()
    const next = timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
    if (next === undefined) break
    nowMs = next.at
    timers.splice(timers.indexOf(next), 1)
    next.action()
  }
  nowMs = until
}

function present(...addresses: readonly string[]): void {
  for (const address of addresses) topology.replicaHeard(0, address, nowMs * 1_000)
}

const request = { kind: 'get' } as GetRequest

/** Who answered, or the error's code; `...` while nobody has. And who was asked for it. */
async function read(waitMs: number): Promise<string> {
  const from = asked.length
  let told = '...'
  const tell = (word: string): void => {
    told = word
  }
  const answer = reads.ask<string>(0, request, { timeoutMs: 500 })
  Promise.resolve(answer).then(tell, (error: { code?: string; reason?: string }) => tell(String(error.code ?? error.reason)))
  await pass(waitMs)
  return `${told} (${asked.slice(from).join(' ')})`
}

test('the quicker replica is asked, once both are known', async () => {
  manners = new Map([
    ['a', 8],
    ['b', 1],
  ])
  present('a', 'b')
  expect(await read(10)).toBe('a (a)')
  for (let i = 0; i < 5; i++) expect(await read(10)).toBe('b (b)')
})

test('a silent one costs one read 15 ms, is left out, and comes back when it speaks', async () => {
  manners = new Map<string, Manner>([
    ['a', 'silent'],
    ['b', 1],
  ])
  present('a', 'b')
  expect(await read(14)).toBe('... (a)')
  await pass(2)
  expect(asked).toEqual(['a', 'b'])
  expect(await read(10)).toBe('b (b)')
  manners.set('a', 0.1)
  manners.set('b', 'silent')
  present('a')
  expect(await read(30)).toBe('a (b a)')
  expect(await read(30)).toBe('a (a)')
})

test('one that is gone, or behind the journal, is no answer: the next is asked at once', async () => {
  for (const manner of ['gone', 'behind'] as const) {
    manners = new Map<string, Manner>([
      ['a', manner],
      ['b', 1],
    ])
    nowMs += 300
    present('a', 'b')
    expect(await read(2)).toBe('b (a b)')
    expect(await read(2)).toBe('b (b)')
  }
})

test('what a replica refuses is the answer', async () => {
  manners = new Map([['a', 'wrong']])
  present('a', 'b')
  expect(await read(5)).toBe('72000 (a)')
})

test('who has said nothing for 0.7 s is not asked; the subject of the shard is, where nobody is left', async () => {
  manners = new Map([
    ['a', 1],
    ['b', 1],
    ['taudb.storage.0', 1],
  ])
  expect(await read(5)).toBe('taudb.storage.0 (taudb.storage.0)')
  present('a')
  nowMs += 600
  present('b')
  nowMs += 200
  expect(await read(5)).toBe('b (b)')
  nowMs += 1_000
  expect(await read(5)).toBe('taudb.storage.0 (taudb.storage.0)')
})

test('all fail: the last error is told, and nobody is asked twice', async () => {
  present('a', 'b')
  expect(await read(5)).toBe('no-responders (a b)')
})

test('a replica in this process is a call; another one answers when it is late', async () => {
  manners = new Map<string, Manner>([
    ['taudb.storage.0', 'silent'],
    ['a', 1],
  ])
  topology.servedHere(0)
  present('a')
  expect(await read(17)).toBe('a (taudb.storage.0 a)')
})
