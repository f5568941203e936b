import { expect, test } from 'vitest'
import { Interrupts } from '../../../actors/query-processor/interrupts.ts'
import { WaitingLine } from '../../../actors/query-processor/waiting-line.ts'
import type { Clock } from '../../../bus/world.ts'
import { queryCanceled } from '../../../protocol/errors.ts'

/** An event loop that is turned by hand. */
function loop() {
  let soon: (() => void)[] = []
  const clock = { monotonic: () => 0, soon: (action: () => void) => void soon.push(action) } as unknown as Clock
  const turn = async (): Promise<void> => {
    const now = soon
    soon = []
    for (const action of now) action()
    await Promise.resolve()
    await Promise.resolve()
  }
  return { clock, turn, isIdle: () => soon.length === 0 }
}

test('long statements go on one by one, a turn of the event loop each', async () => {
  const { clock, turn, isIdle } = loop()
  const line = new WaitingLine(clock)
  const told: string[] = []
  const statement = async (name: string, slices: number): Promise<void> => {
    const interrupts = new Interrupts(clock, line)
    for (let slice = 0; slice < slices; slice++) {
      told.push(name)
      await interrupts.pause()
    }
  }
  void statement('a', 3)
  void statement('b', 2)
  void statement('c', 1)
  expect(told.splice(0)).toEqual(['a', 'b', 'c'])
  const perTurn: string[] = []
  while (!isIdle()) {
    await turn()
    perTurn.push(told.splice(0).join(' '))
  }
  // The first turn is what is left of the one in which they stopped.
  expect(perTurn).toEqual(['', 'a', 'b', '', 'a', '', ''])
})

test('who is cancelled does not wait for a turn, and takes none from the others', async () => {
  const { clock, turn } = loop()
  const line = new WaitingLine(clock)
  const [cancelled, other] = [new Interrupts(clock, line), new Interrupts(clock, line)]
  const told: string[] = []
  void cancelled.pause().then(() => told.push('cancelled'))
  void other.pause().then(() => told.push('other'))
  cancelled.interrupt(queryCanceled('user request'))
  await Promise.resolve()
  expect(told).toEqual(['cancelled'])
  expect(() => cancelled.check()).toThrow('canceling statement due to user request')
  await turn()
  await turn()
  expect(told).toEqual(['cancelled', 'other'])
})
