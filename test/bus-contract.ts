/** What every bus promises (bus/bus.ts). Each implementation runs it: `busContract('embedded', ...)`. */
import { afterEach, describe, expect, test } from 'vitest'
import { type Bus, BusError } from '../bus/bus.ts'

/** A thrown error and a rejected promise are one to whoever asks. */
async function answer(bus: Bus, subject: string, message: unknown): Promise<unknown> {
  try {
    return await bus.request(subject, message)
  } catch (error) {
    return error instanceof BusError ? error.reason : String(error)
  }
}

export function busContract(name: string, open: () => Bus | Promise<Bus>): void {
  describe(`bus: ${name}`, () => {
    let bus: Bus
    const start = async (): Promise<void> => {
      bus = await open()
    }
    afterEach(() => bus.close())

    test('a request gets its answer, prompt or late, and the error that was thrown', async () => {
      await start()
      bus.serve('prompt', (n: number) => n + 1)
      bus.serve('late', async (n: number) => n + 2)
      bus.serve('angry', () => {
        throw new RangeError('no')
      })
      bus.serve('late.angry', async () => {
        throw new RangeError('not now')
      })
      expect(await answer(bus, 'prompt', 1)).toBe(2)
      expect(await answer(bus, 'late', 1)).toBe(3)
      expect(await answer(bus, 'angry', 1)).toContain('no')
      expect(await answer(bus, 'late.angry', 1)).toContain('not now')
    })

    test('nobody there, nobody there any more, and a closed bus', async () => {
      await start()
      expect(await answer(bus, 'nowhere', 1)).toBe('no-responders')
      const served = bus.serve('here', () => 'yes')
      expect(await answer(bus, 'here', 1)).toBe('yes')
      served.close()
      served.close()
      expect(await answer(bus, 'here', 1)).toBe('no-responders')
      bus.serve('here', () => 'again')
      bus.close()
      expect(await answer(bus, 'here', 1)).toBe('closed')
    })

    test('a queue group shares its requests', async () => {
      await start()
      bus.serve('shared', () => 'one', { queue: 'group' })
      bus.serve('shared', () => 'two', { queue: 'group' })
      const answers = await Promise.all(Array.from({ length: 20 }, () => answer(bus, 'shared', 1)))
      expect(new Set(answers)).toEqual(new Set(['one', 'two']))
    })

    test('every subscriber hears what is published, as long as it listens', async () => {
      await start()
      const heard: string[] = []
      const first = bus.subscribe('news', (text: string) => heard.push(`first ${text}`))
      bus.subscribe('news', (text: string) => heard.push(`second ${text}`))
      bus.publish('news', 'a')
      await settle(() => heard.length === 2)
      first.close()
      bus.publish('news', 'b')
      bus.publish('elsewhere', 'c')
      await settle(() => heard.length === 3)
      expect(heard.sort()).toEqual(['first a', 'second a', 'second b'])
    })
  })
}

async function settle(done: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 1))
}
