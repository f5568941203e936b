/** A double as an exact fraction: numerator / 2^shift. */
export function exactFraction(value: number): { numerator: bigint; shift: number } {
  let shift = 0
  let scaled = value
  while (!Number.isInteger(scaled)) {
    scaled *= 2
    shift++
  }
  return { numerator: BigInt(scaled), shift }
}

/** The sign of decimal text minus double, without rounding either. The text has strtod's decimal syntax. */
export function exactCompare(text: string, value: number): number {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const power = Number(exponent) - fraction.length
  const digits = BigInt((whole + fraction).replace(/^([-+])/, '').replace(/^$/, '0'))
  const signed = whole.startsWith('-') ? -digits : digits
  const { numerator, shift } = exactFraction(value)
  const left = (power > 0 ? signed * 10n ** BigInt(power) : signed) << BigInt(shift)
  const right = power < 0 ? numerator * 10n ** BigInt(-power) : numerator
  return left < right ? -1 : left > right ? 1 : 0
}
