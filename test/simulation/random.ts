import type { Random } from '../../bus/world.ts'

/** sfc32, seeded through splitmix32: integers only, so the same on every machine and Node version. */
export class SeededRandom implements Random {
  private a: number
  private b: number
  private c: number
  private d = 1

  constructor(seed: number) {
    let state = seed >>> 0
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0
      let t = state ^ (state >>> 16)
      t = Math.imul(t, 0x21f0aaad)
      t ^= t >>> 15
      t = Math.imul(t, 0x735a2d97)
      return (t ^ (t >>> 15)) >>> 0
    }
    this.a = next()
    this.b = next()
    this.c = next()
    for (let i = 0; i < 12; i++) this.word()
  }

  private word(): number {
    const t = (((this.a + this.b) | 0) + this.d) | 0
    this.d = (this.d + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (this.c << 21) | (this.c >>> 11)
    this.c = (this.c + t) | 0
    return t >>> 0
  }

  integer(below: number): number {
    return Math.floor((this.word() / 4_294_967_296) * below)
  }

  fraction(): number {
    return this.word() / 4_294_967_296
  }

  bytes(length: number): string {
    let text = ''
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.integer(256))
    return text
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<T>(from: readonly T[]): T {
    return from[this.integer(from.length)] as T
  }
}

/** One independent stream per purpose: removing a fault must not shift the draws of the network. */
export function streamSeed(seed: number, name: string): number {
  let hash = seed | 0
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash ^ (hash >>> 15)
}
