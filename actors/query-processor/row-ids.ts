import type { Clock, Random } from '../../bus/world.ts'
import type { Tau } from '../../protocol/time.ts'

/** Tells the ids of two processes, and of two starts of one, apart. */
const bootBits = 13

/**
 * Hidden row ids of tables without a primary key: eight bytes that grow with time, so that rows come back in the order of insertion.
 * 51 bits of microseconds (a counter that follows tau and the clock, and never repeats) and 13 bits drawn at boot.
 */
export class RowIds {
  private readonly clock: Clock
  private readonly boot: bigint
  private last = 0

  constructor(clock: Clock, random: Random) {
    this.clock = clock
    this.boot = BigInt(random.integer(1 << bootBits))
  }

  /** A binary string of eight bytes. */
  next(tauStart: Tau): string {
    this.last = Math.max(this.last + 1, tauStart)
    if (this.last === tauStart) this.last = Math.max(tauStart, this.clock.now())
    bytes.writeBigUInt64BE((BigInt(this.last) << BigInt(bootBits)) | this.boot)
    return bytes.latin1Slice(0, 8)
  }
}

const bytes = Buffer.alloc(8)
