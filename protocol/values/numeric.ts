/**
 * An exact decimal: unscaled / 10^scale. `scale` is the display scale (>= 0): 1.50 is { 150n, 2 }. NaN and the infinities are specials
 * with unscaled 0n. Immutable.
 */
export class Numeric {
  readonly unscaled: bigint
  readonly scale: number
  readonly special: '' | 'NaN' | 'Infinity' | '-Infinity'

  constructor(unscaled: bigint, scale: number, special: '' | 'NaN' | 'Infinity' | '-Infinity' = '') {
    this.unscaled = unscaled
    this.scale = scale
    this.special = special
  }
}
