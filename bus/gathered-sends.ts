/**
 * What connections say in one turn of the event loop leaves at its end, one write right behind the other. A write to a peer that sleeps wakes
 * it, which costs more than the write itself; peers that are spoken to back to back are awake. Measured: a tenth more transactions of 32 clients.
 */

/** Who has bytes here. */
export interface Gatherer {
  /** Sends them, at once. True: their memory may be written over; false: it belongs to the network from here on. */
  write(bytes: Buffer): boolean
}

interface Portion {
  readonly gatherer: Gatherer
  readonly from: number
  to: number
}

/** Above this a copy costs more than a peer woken early. */
const gatheredBytesMax = 4_096
const arenaBytes = 262_144

let arena = Buffer.allocUnsafeSlow(arenaBytes)
let end = 0
let portions: Portion[] = []

/** Takes a copy of `bytes`; false when there are too many of them: then the caller sends what it has here, and writes them itself. */
export function gather(gatherer: Gatherer, bytes: Buffer): boolean {
  const { length } = bytes
  if (length > gatheredBytesMax) return false
  if (end + length > arenaBytes) sendGathered()
  const last = portions.at(-1)
  if (last === undefined) setImmediate(sendGathered)
  arena.set(bytes, end)
  if (last?.gatherer === gatherer) last.to += length
  else portions.push({ gatherer, from: end, to: end + length })
  end += length
  return true
}

/** Everything gathered leaves, in the order it came. To be called before anything that takes long. */
export function sendGathered(): void {
  if (end === 0) return
  const leaving = portions
  const bytes = arena
  portions = []
  end = 0
  let taken = true
  for (const { gatherer, from, to } of leaving) if (!gatherer.write(bytes.subarray(from, to))) taken = false
  if (!taken) arena = Buffer.allocUnsafeSlow(arenaBytes)
}
