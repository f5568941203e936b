/** Somebody who moves places from partition to partition while clients write, with the product's own command. */
import { ConnectionLost, type SimulatedClient } from './client.ts'
import type { Kernel } from './kernel.ts'
import { expectedCodes, pause } from './workloads.ts'

const piecesPerPartition = 3

/** Until `isOver`; a move that is under way is waited for. */
export async function moveRanges(
  kernel: Kernel,
  options: {
    readonly partitions: number
    /** Between two moves at most. */
    readonly delayMs: number
    readonly connect: () => Promise<SimulatedClient>
    readonly isOver: () => boolean
  },
): Promise<void> {
  const { partitions, delayMs, connect, isOver } = options
  const random = kernel.random('mover')
  const pieces = partitions * piecesPerPartition
  const edge = (i: number): number => Math.floor((i * 65_536) / pieces)
  const holders = Array.from({ length: pieces }, (_, i) => Math.floor(i / piecesPerPartition))
  let client = await connect()
  while (!isOver()) {
    await pause(kernel, random.integer(delayMs))
    const first = random.integer(pieces)
    const from = holders[first] as number
    const to = (from + 1 + random.integer(partitions - 1)) % partitions
    let last = first
    while (holders[last + 1] === from && random.chance(0.5)) last++
    kernel.count('move asked')
    try {
      const { error } = await client.query(`call sys.move_range(${from}, ${to}, ${edge(first)}, ${edge(last + 1) - 1})`)
      if (error === undefined) {
        kernel.count('move completed')
        holders.fill(to, first, last + 1)
      } else if (error.code === '22023') {
        kernel.count('move refused: elsewhere')
        // An earlier answer was lost: who has them is found out by asking.
        for (let i = first; i <= last; i++) holders[i] = ((holders[i] as number) + 1) % partitions
      } else if (expectedCodes.test(error.code) || error.code === '55006') kernel.count(`move refused: ${error.code}`)
      else throw error
    } catch (reason) {
      if (!(reason instanceof ConnectionLost)) throw reason
      client = await connect()
    }
  }
  client.close()
}
