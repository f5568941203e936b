import * as precise from './double-double.ts'
import type { Implementations } from './registry.ts'

/** erf and erfc as FreeBSD's msun (s_erf.c, Sun Microsystems 1993) and after it glibc compute them: rational approximations on five ranges. */

const tinyTop = [0.12837916709551256, -0.3250421072470015, -0.02848174957559851, -0.005770270296489442, -2.3763016656650163e-5]
const tinyBottom = [
  1, 0.39791722395915535, 0.0650222499887673, 0.005081306281875766, 0.00013249473800432164, -3.960228278775368e-6,
]
const nearOneTop = [
  -0.0023621185607526594, 0.41485611868374833, -0.3722078760357013, 0.31834661990116175, -0.11089469428239668,
  0.035478304325618236, -0.002166375594868791,
]
const nearOneBottom = [
  1, 0.10642088040084423, 0.540397917702171, 0.07182865441419627, 0.12617121980876164, 0.01363708391202905, 0.011984499846799107,
]
const middleTop = [
  -0.009864944034847148, -0.6938585727071818, -10.558626225323291, -62.375332450326006, -162.39666946257347, -184.60509290671104,
  -81.2874355063066, -9.814329344169145,
]
const middleBottom = [
  1, 19.651271667439257, 137.65775414351904, 434.56587747522923, 645.3872717332679, 429.00814002756783, 108.63500554177944,
  6.570249770319282, -0.0604244152148581,
]
const farTop = [
  -0.0098649429247001, -0.799283237680523, -17.757954917754752, -160.63638485582192, -637.5664433683896, -1025.0951316110772,
  -483.5191916086514,
]
const farBottom = [
  1, 30.33806074348246, 325.7925129965739, 1536.729586084437, 3199.8582195085955, 2553.0504064331644, 474.52854120695537,
  -22.44095244658582,
]
const erfOfOne = 0.8450629115104675

/** In pairs, as glibc adds them up: the last bit depends on the order. */
function polynomial(coefficients: readonly number[], x: number): number {
  const x2 = x * x
  const x4 = x2 * x2
  const powers = [1, x2, x4, x4 * x2, x4 * x4]
  let sum = 0
  for (let i = 0; i < coefficients.length; i += 2) {
    const next = coefficients[i + 1]
    const pair = next === undefined ? (coefficients[i] as number) : (coefficients[i] as number) + x * next
    sum += (powers[i / 2] as number) * pair
  }
  return sum
}

const ratio = (top: readonly number[], bottom: readonly number[], x: number): number => polynomial(top, x) / polynomial(bottom, x)

const halves = new DataView(new ArrayBuffer(8))

/** x with the lower half of its bits zero: its square is exact. */
function upperHalf(x: number): number {
  halves.setFloat64(0, x)
  halves.setUint32(4, 0)
  return halves.getFloat64(0)
}

/** 1 - erf(x) for x of 1.25 and more. */
function tail(x: number): number {
  const s = 1 / (x * x)
  const r = x < 1 / 0.35 ? ratio(middleTop, middleBottom, s) : ratio(farTop, farBottom, s)
  const z = upperHalf(x)
  return (precise.exp(-z * z - 0.5625) * precise.exp((z - x) * (z + x) + r)) / x
}

export function erf(x: number): number {
  if (Number.isNaN(x)) return x
  const size = Math.abs(x)
  if (size < 0.84375) {
    if (size < 2 ** -28) return x + 0.1283791670955126 * x
    return x + x * ratio(tinyTop, tinyBottom, x * x)
  }
  const sign = Math.sign(x)
  if (size < 1.25) return sign * (erfOfOne + ratio(nearOneTop, nearOneBottom, size - 1))
  return size >= 6 ? sign : sign * (1 - tail(size))
}

export function erfc(x: number): number {
  if (Number.isNaN(x)) return x
  const size = Math.abs(x)
  if (size < 0.84375) {
    if (size < 2 ** -56) return 1 - x
    const y = ratio(tinyTop, tinyBottom, x * x)
    return x < 0.25 ? 1 - (x + x * y) : 0.5 - (x * y + (x - 0.5))
  }
  if (size < 1.25) {
    const q = ratio(nearOneTop, nearOneBottom, size - 1)
    return x >= 0 ? 1 - erfOfOne - q : 1 + (erfOfOne + q)
  }
  if (size >= 28) return x > 0 ? 0 : 2
  if (x < -6) return 2
  return x > 0 ? tail(x) : 2 - tail(size)
}

export const errorFunctions: Implementations = {
  scalar: { derf: (_context, x: number) => erf(x), derfc: (_context, x: number) => erfc(x) },
}
