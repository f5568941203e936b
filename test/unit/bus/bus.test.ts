import { expect, test } from 'vitest'
import { EmbeddedBus } from '../../../bus/embedded.ts'
import { busContract } from '../../bus-contract.ts'

busContract('embedded', () => new EmbeddedBus())

test('in one process the answer is there at once, on the same stack, without a copy', () => {
  const bus = new EmbeddedBus()
  const message = { rows: [1, 2] }
  bus.serve('here', (given: typeof message) => given)
  expect(bus.request('here', message)).toBe(message)
})

test('without a queue group a subject has one handler', () => {
  const bus = new EmbeddedBus()
  bus.serve('here', () => 1)
  expect(() => bus.serve('here', () => 2)).toThrow('served already')
})
