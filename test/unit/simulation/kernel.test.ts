import { describe, expect, test } from 'vitest'
import type { BusError } from '../../../bus/bus.ts'
import { Kernel } from '../../simulation/kernel.ts'
import { SimulatedNetwork } from '../../simulation/network.ts'
import { SimulatedProcess } from '../../simulation/process.ts'

async function chatter(seed: number, drop = 0): Promise<{ digest: string; answers: string[]; kernel: Kernel }> {
  const kernel = new Kernel(seed)
  const network = new SimulatedNetwork(kernel)
  network.faults.drop = drop
  network.faults.duplicate = 0.2
  const server = new SimulatedProcess(kernel, network, 'server').start()
  const client = new SimulatedProcess(kernel, network, 'client').start()
  let served = 0
  server.bus.serve('double', (n: never) => {
    served++
    return (n as number) * 2
  })
  const answers: string[] = []
  for (let i = 0; i < 50; i++) {
    Promise.resolve(client.bus.request<number>('double', i, { timeoutMs: 50 })).then(
      (value) => answers.push(`${i}=${value}`),
      (error: BusError) => answers.push(`${i} ${error.reason}`),
    )
  }
  await kernel.run(10_000_000)
  kernel.trace(`served ${served}`)
  return { digest: kernel.digest(), answers, kernel }
}

describe('the kernel', () => {
  test('one seed, one hash; another seed, another', async () => {
    const [a, b, c] = [await chatter(7), await chatter(7), await chatter(8)]
    expect(a.digest).toBe(b.digest)
    expect(a.answers).toEqual(b.answers)
    expect(c.digest).not.toBe(a.digest)
  })

  test('every request is answered or times out, and messages are dropped and doubled', async () => {
    const { answers, kernel } = await chatter(3, 0.3)
    expect(answers).toHaveLength(50)
    expect(answers.filter((answer) => answer.endsWith('timeout')).length).toBeGreaterThan(0)
    expect(kernel.counters.get('fault message dropped')).toBeGreaterThan(0)
    expect(kernel.counters.get('fault message duplicated')).toBeGreaterThan(0)
  })

  test('a failure inside an event ends the run', async () => {
    const kernel = new Kernel(1)
    kernel.after(5, 'boom', () => {
      throw new Error('found it')
    })
    await expect(kernel.run(10)).rejects.toThrow('found it')
  })
})

describe('a process', () => {
  const make = () => {
    const kernel = new Kernel(5)
    return { kernel, process: new SimulatedProcess(kernel, new SimulatedNetwork(kernel), 'p') }
  }

  test('timers die with their incarnation and wait out a pause', async () => {
    const { kernel, process } = make()
    const heard: string[] = []
    process.start().clock.after(10, () => heard.push('first'))
    process.crash()
    process.start().clock.after(10, () => heard.push('second'))
    process.pause()
    await kernel.run(20_000)
    expect(heard).toEqual([])
    process.resume()
    await kernel.run(30_000)
    expect(heard).toEqual(['second'])
  })

  test('what was synced survives a crash; what was not may be lost or torn', async () => {
    let lost = 0
    let torn = 0
    for (let seed = 1; seed <= 40; seed++) {
      const kernel = new Kernel(seed)
      const process = new SimulatedProcess(kernel, new SimulatedNetwork(kernel), 'p')
      const { files } = process.start()
      const file = files.open('d/log', 'create')
      file.writeAt(Buffer.from('durable!'), 0)
      let synced = false
      file.sync().then(() => {
        synced = true
      })
      await kernel.run(100_000)
      expect(synced).toBe(true)
      files.syncDirectory('d')
      file.writeAt(Buffer.from('pending!'), 8)
      expect(files.read('d/log').toString()).toBe('durable!pending!')
      process.crash()
      const after = process.start().files.read('d/log').toString()
      expect(after.slice(0, 8)).toBe('durable!')
      if (after.length === 8) lost++
      else if (after !== 'durable!pending!') torn++
    }
    expect(lost).toBeGreaterThan(0)
    expect(torn).toBeGreaterThan(0)
  })

  test('a full disk refuses and goes on when space returns', () => {
    const { process } = make()
    const { files } = process.start()
    process.disk.faults.bytesMax = 10
    const file = files.open('d/x', 'create')
    expect(() => file.writeAt(Buffer.alloc(11), 0)).toThrow('ENOSPC')
    process.disk.faults.bytesMax = 20
    file.writeAt(Buffer.alloc(11), 0)
    expect(file.size).toBe(11)
  })

  test('starting a live process is the harness’s bug', () => {
    const { process } = make()
    process.start()
    expect(() => process.start()).toThrow('harness')
  })
})
