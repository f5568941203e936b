const mask = 0xffff_ffff_ffff_ffffn

/** What random() gives after setseed: PostgreSQL 16's generator (pg_prng.c, xoroshiro128** seeded by splitmix64), the same values for the same seed. */
export class RandomSeries {
  private first: bigint
  private second: bigint

  /** `seed` in [-1, 1]. */
  constructor(seed: number) {
    let state = BigInt.asUintN(64, BigInt(Math.trunc((2 ** 52 - 1) * seed)))
    const next = (): bigint => {
      state = (state + 0x9e37_79b9_7f4a_7c15n) & mask
      let value = ((state ^ (state >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & mask
      value = ((value ^ (value >> 27n)) * 0x94d0_49bb_1331_11ebn) & mask
      return value ^ (value >> 31n)
    }
    this.first = next()
    this.second = next()
  }

  /** In [0, 1). */
  fraction(): number {
    const { first, second } = this
    const value = (rotated((first * 5n) & mask, 7n) * 9n) & mask
    const mixed = second ^ first
    this.first = rotated(first, 24n) ^ mixed ^ ((mixed << 16n) & mask)
    this.second = rotated(mixed, 37n)
    return Number(value >> 12n) / 2 ** 52
  }
}

const rotated = (value: bigint, by: bigint): bigint => ((value << by) | (value >> (64n - by))) & mask
