import { expect, test } from 'vitest'
import { ask } from '../../../actors/actor.ts'
import { Storage } from '../../../actors/storage/storage.ts'
import { MemoryVersionStore } from '../../../actors/storage/version-store-memory.ts'
import { singleMap } from '../../../actors/topology.ts'
import type { Timer, World } from '../../../bus/world.ts'
import { partition, sequence } from '../../../protocol/ids.ts'
import { versionHorizonMicros } from '../../../protocol/limits.ts'
import type { PostImages, StorageRequests } from '../../../protocol/messages.ts'
import { subjects } from '../../../protocol/subjects.ts'
import { tau } from '../../../protocol/time.ts'
import { k, testWorld, write } from '../circle/driver.ts'

/** A storage actor whose timers fire when the test says so. */
async function storage() {
  const timers = new Set<{ readonly delayMs: number; readonly action: () => void }>()
  const real = testWorld()
  const after = (delayMs: number, action: () => void): Timer => {
    const timer = { delayMs, action }
    timers.add(timer)
    return { cancel: () => void timers.delete(timer) }
  }
  const world = testWorld({ clock: { ...real.clock, after } })
  const store = new MemoryVersionStore(world.clock)
  const actor = new Storage(world, singleMap, 0, store)
  await actor.lifecycle.start()
  const fire = (delayMs: number): void => {
    for (const timer of timers) {
      if (timer.delayMs !== delayMs) continue
      timers.delete(timer)
      timer.action()
    }
  }
  return { world, store, actor, fire }
}

function apply(world: World, n: number, at: number, value: string): unknown {
  const images: PostImages = {
    partition: partition(0),
    sequence: sequence(n),
    tau: tau(at),
    writes: [write('a', value)],
    traceparents: [],
  }
  return world.bus.request(subjects.postImages(0), images)
}

async function get(world: World, at: number, vector: readonly number[]): Promise<string | undefined> {
  const found = await ask<StorageRequests, 'get'>(world, subjects.storage(0), {
    kind: 'get',
    clock: 0,
    tauStart: tau(at),
    vector: vector.map(sequence),
    key: k('a'),
  })
  return found === undefined ? undefined : Buffer.from(found.postImage).toString()
}

test('rule 14: a reader waits until what its vector names has been applied', async () => {
  const { world } = await storage()
  apply(world, 1, 10, 'one')
  expect(await get(world, 10, [1])).toBe('one')
  const seen: string[] = []
  const later = get(world, 30, [3]).then((value) => seen.push(`third: ${value}`))
  const sooner = get(world, 20, [2]).then((value) => seen.push(`second: ${value}`))
  apply(world, 2, 20, 'two')
  await sooner
  apply(world, 3, 30, 'three')
  await later
  expect(seen).toEqual(['second: two', 'third: three'])
})

test('a reader that waits in vain is told so', async () => {
  const { world, fire } = await storage()
  const waiting = get(world, 10, [1])
  fire(10_000)
  await expect(waiting).rejects.toMatchObject({ code: '57P03' })
  apply(world, 1, 10, 'one')
  expect(await get(world, 10, [1])).toBe('one')
})

test('records come in order, each once', async () => {
  const { world } = await storage()
  apply(world, 5, 10, 'one')
  expect(() => apply(world, 5, 10, 'one')).toThrow('in order, each once')
  expect(() => apply(world, 4, 20, 'one')).toThrow('in order, each once')
})

test('five minutes of tau later the old snapshot is too old, the one at the horizon is not', async () => {
  const { world, store, fire } = await storage()
  apply(world, 1, 10, 'one')
  apply(world, 2, 20, 'two')
  apply(world, 3, 20 + versionHorizonMicros, 'three')
  expect(await get(world, 19, [3])).toBe('one')
  fire(2_000)
  await new Promise((resolve) => setImmediate(resolve))
  expect(store.versionHorizon).toBe(20)
  await expect(get(world, 19, [3])).rejects.toMatchObject({ code: '72000', message: 'snapshot too old' })
  expect(await get(world, 20, [3])).toBe('two')
})

test('VACUUM frees at once what no reader can ask for, and nothing that one still can', async () => {
  const { world, store } = await storage()
  apply(world, 1, 10, 'one')
  apply(world, 2, 20, 'two')
  apply(world, 3, 30, 'three')
  apply(world, 4, 25 + versionHorizonMicros, 'four')
  const before = store.bytesUsed()
  await ask<StorageRequests, 'vacuum'>(world, subjects.storage(0), { kind: 'vacuum', clock: 0 })
  expect(store.versionHorizon).toBe(25)
  expect(store.bytesUsed()).toBeLessThan(before)
  expect(await get(world, 25, [4])).toBe('two')
  expect(await get(world, 30, [4])).toBe('three')
  await expect(get(world, 24, [4])).rejects.toMatchObject({ code: '72000' })
})
