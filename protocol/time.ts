import { assert } from './assert.ts'

declare const tauBrand: unique symbol

/** The commit clock: whole microseconds since the Unix epoch, strictly increasing within one journal. Safe as a number until 2255. */
export type Tau = number & { readonly [tauBrand]: true }

/** Before every transaction. */
export const tauZero = 0 as Tau

export function tau(microseconds: number): Tau {
  assert(Number.isSafeInteger(microseconds) && microseconds >= 0, 'tau is a safe whole number of microseconds')
  return microseconds as Tau
}

export function tauMax(a: Tau, b: Tau): Tau {
  return a > b ? a : b
}

const sqlEpoch = 946_684_800_000_000n

/** A clock's microseconds since 1970 as SQL's timestamps count them: since 2000. */
export const sqlTime = (micros: number): bigint => BigInt(Math.floor(micros)) - sqlEpoch
/** And back. */
export const unixMicros = (time: bigint): number => Number(time + sqlEpoch)
