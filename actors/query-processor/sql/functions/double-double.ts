/**
 * Elementary functions of doubles, computed with about a hundred bits and rounded once. JavaScript's own are off by one in the last digit
 * now and then, which a client comparing with PostgreSQL (whose C library hardly ever is) would see. A value is an unevaluated sum
 * hi + lo; Dekker 1971, Hida, Li and Bailey 2001.
 */
interface Double {
  readonly hi: number
  readonly lo: number
}

const double = (hi: number, lo: number): Double => ({ hi, lo })

function quickSum(a: number, b: number): Double {
  const sum = a + b
  return double(sum, b - (sum - a))
}

function sum(a: number, b: number): Double {
  const hi = a + b
  const part = hi - a
  return double(hi, a - (hi - part) + (b - part))
}

const splitter = 2 ** 27 + 1

function product(a: number, b: number): Double {
  const hi = a * b
  const aWide = splitter * a
  const aHigh = aWide - (aWide - a)
  const aLow = a - aHigh
  const bWide = splitter * b
  const bHigh = bWide - (bWide - b)
  const bLow = b - bHigh
  return double(hi, aHigh * bHigh - hi + aHigh * bLow + aLow * bHigh + aLow * bLow)
}

function add(a: Double, b: Double): Double {
  const high = sum(a.hi, b.hi)
  const low = sum(a.lo, b.lo)
  const middle = quickSum(high.hi, high.lo + low.hi)
  return quickSum(middle.hi, middle.lo + low.lo)
}

function multiply(a: Double, b: Double): Double {
  const high = product(a.hi, b.hi)
  return quickSum(high.hi, high.lo + (a.hi * b.lo + a.lo * b.hi))
}

const scale = (a: Double, power: number): Double => double(a.hi * power, a.lo * power)
const negate = (a: Double): Double => double(-a.hi, -a.lo)

function divide(a: Double, b: Double): Double {
  const first = a.hi / b.hi
  const rest = add(a, negate(multiply(b, double(first, 0))))
  return quickSum(first, rest.hi / b.hi)
}

const ln2 = double(Math.LN2, 2.3190468138462996e-17)

/** 1/1!, 1/2! ... 1/28! */
const inverseFactorials: readonly Double[] = factorials()

function factorials(): Double[] {
  const all: Double[] = [double(1, 0)]
  for (let n = 1; n <= 28; n++) all.push(divide(all[n - 1] as Double, double(n, 0)))
  return all
}

/* ---------------------------------------------------------------- exp, log, pow */

/** e^x as mantissa near 1 and a power of two. */
function exponential(x: Double): { mantissa: Double; power: number } {
  const power = Math.round(x.hi / Math.LN2)
  const rest = scale(add(x, negate(multiply(ln2, double(power, 0)))), 1 / 256)
  // e^rest - 1, then eight doublings: (1 + p)^2 - 1 = 2p + p^2
  let part: Double = inverseFactorials[10] as Double
  for (let n = 9; n >= 1; n--) part = add(multiply(part, rest), inverseFactorials[n] as Double)
  part = multiply(part, rest)
  for (let i = 0; i < 8; i++) part = add(scale(part, 2), multiply(part, part))
  return { mantissa: add(double(1, 0), part), power }
}

function withPower(mantissa: number, power: number): number {
  const half = Math.trunc(power / 2)
  return mantissa * 2 ** half * 2 ** (power - half)
}

/** x > 0 and finite. One Newton step from JavaScript's logarithm doubles its digits. */
function logarithm(x: number): Double {
  const power = x < 1e-300 || x > 1e300 ? Math.round(Math.log2(x)) : 0
  const small = power === 0 ? x : withPower(x, -power)
  const guess = Math.log(small)
  const { mantissa, power: shift } = exponential(double(-guess, 0))
  const ratio = scale(multiply(mantissa, double(small, 0)), 2 ** shift)
  const correction = add(ratio, double(-1, 0))
  return add(add(double(guess, 0), correction), multiply(ln2, double(power, 0)))
}

const ordinary = (x: number): boolean => Number.isFinite(x) && x !== 0

export function exp(x: number): number {
  if (!ordinary(x) || Math.abs(x) > 700) return Math.exp(x)
  const { mantissa, power } = exponential(double(x, 0))
  return withPower(mantissa.hi, power)
}

export function ln(x: number): number {
  return ordinary(x) && x > 0 ? logarithm(x).hi : Math.log(x)
}

export function pow(x: number, y: number): number {
  const plain = x ** y
  if (!ordinary(plain) || !ordinary(x) || !ordinary(y) || Math.abs(plain) < 1e-290 || Math.abs(plain) > 1e290) return plain
  if (Number.isInteger(plain) && Math.abs(plain) < 2 ** 53 && Number.isInteger(x) && Number.isInteger(y)) return plain
  const { mantissa, power } = exponential(multiply(logarithm(Math.abs(x)), double(y, 0)))
  const size = withPower(mantissa.hi, power)
  return plain < 0 ? -size : size
}

/** cosh and sinh as fdlibm puts them together from exp and expm1: C libraries round the parts, so does this. */
export function cosh(x: number): number {
  const size = Math.abs(x)
  if (!(size > Math.LN2 / 2 && size < 700)) return Math.cosh(x)
  const grown = exp(size)
  return size < 22 ? 0.5 * grown + 0.5 / grown : 0.5 * grown
}

export function sinh(x: number): number {
  const size = Math.abs(x)
  if (!(size >= 22 && size < 700)) return Math.sinh(x)
  return (x < 0 ? -0.5 : 0.5) * exp(size)
}

/* ---------------------------------------------------------------- sine and its kin */

/** Pi / 2 in three parts. */
const halfPi = [Math.PI / 2, 6.123233995736766e-17, -1.4973849048591833e-33] as const

/** Beyond this the reduction below would run out of digits. */
const angleMax = 2 ** 24

function series(x: Double, from: 1 | 2): Double {
  const square = negate(multiply(x, x))
  const last = from === 1 ? 27 : 28
  let total: Double = inverseFactorials[last] as Double
  for (let n = last - 2; n >= from; n -= 2) total = add(multiply(total, square), inverseFactorials[n] as Double)
  return from === 1 ? multiply(total, x) : add(double(1, 0), multiply(total, square))
}

function sineAndCosine(x: number): { sine: Double; cosine: Double } {
  const quarter = Math.round(x / halfPi[0])
  const whole = product(quarter, halfPi[0])
  const first = sum(x, -whole.hi)
  const reduced = add(add(add(first, double(-whole.lo, 0)), negate(product(quarter, halfPi[1]))), double(-quarter * halfPi[2], 0))
  const sine = series(reduced, 1)
  const cosine = series(reduced, 2)
  switch (((quarter % 4) + 4) % 4) {
    case 0:
      return { sine, cosine }
    case 1:
      return { sine: cosine, cosine: negate(sine) }
    case 2:
      return { sine: negate(sine), cosine: negate(cosine) }
    default:
      return { sine: negate(cosine), cosine: sine }
  }
}

/** Between these the result is neither the argument itself nor beyond the reduction. */
const reducible = (x: number): boolean => Math.abs(x) > 1e-5 && Math.abs(x) < angleMax

export const sin = (x: number): number => (reducible(x) ? sineAndCosine(x).sine.hi : Math.sin(x))
export const cos = (x: number): number => (reducible(x) ? sineAndCosine(x).cosine.hi : Math.cos(x))

export function tan(x: number): number {
  if (!reducible(x)) return Math.tan(x)
  const { sine, cosine } = sineAndCosine(x)
  return divide(sine, cosine).hi
}

/** cotangent, not the rounded reciprocal of a rounded tangent where C says 1 / tan(x). */
export const cot = (x: number): number => 1 / tan(x)

export function asin(x: number): number {
  const guess = Math.asin(x)
  if (!(Math.abs(x) > 1e-5 && Math.abs(x) < 0.999)) return guess
  const { sine, cosine } = sineAndCosine(guess)
  return guess + add(double(x, 0), negate(sine)).hi / cosine.hi
}

export function acos(x: number): number {
  const guess = Math.acos(x)
  if (!(Math.abs(x) > 1e-5 && Math.abs(x) < 0.999)) return guess
  const { sine, cosine } = sineAndCosine(guess)
  return guess + add(cosine, double(-x, 0)).hi / sine.hi
}

export function atan(x: number): number {
  const guess = Math.atan(x)
  if (!(Math.abs(x) > 1e-5 && Math.abs(x) < 1e10)) return guess
  const { sine, cosine } = sineAndCosine(guess)
  const error = add(multiply(cosine, double(x, 0)), negate(sine))
  return guess + error.hi / (cosine.hi + x * sine.hi)
}

export function atan2(y: number, x: number): number {
  const guess = Math.atan2(y, x)
  const moderate = (value: number): boolean => Math.abs(value) > 1e-100 && Math.abs(value) < 1e100
  if (!reducible(guess) || !moderate(x) || !moderate(y)) return guess
  const { sine, cosine } = sineAndCosine(guess)
  const error = add(multiply(cosine, double(y, 0)), negate(multiply(sine, double(x, 0))))
  return guess + error.hi / (x * cosine.hi + y * sine.hi)
}
