import { SqlError } from '../errors.ts'
import { DateProblem } from './datetime-problem.ts'
import { roundHalfEven } from './datetime-tokens.ts'

const int4Max = 2_147_483_647n
const int8Max = 9_223_372_036_854_775_807n

/** An interval being read: fractions of a unit are carried into the smaller ones as PostgreSQL does. Throws DateProblem beyond its fields. */
export class IntervalSum {
  private years = 0n
  private months = 0n
  private days = 0n
  private micros = 0n

  addMicros(micros: bigint): void {
    this.micros = within(this.micros + micros, int8Max)
  }

  /** A time of day replaces what fractions of the units behind it had left: PostgreSQL assigns it. */
  setMicros(micros: bigint): void {
    this.micros = micros
  }

  addTime(whole: bigint, fraction: number, scale: number): void {
    this.addMicros(within(whole * BigInt(scale), int8Max))
    this.addFraction(fraction, scale)
  }

  addDays(whole: bigint, fraction: number, scale: number): void {
    this.days = within(this.days + within(whole * BigInt(scale), int4Max), int4Max)
    if (scale === 1) this.addFraction(fraction, 86_400_000_000)
    else this.addFractionOfDays(fraction, scale)
  }

  addMonths(whole: bigint, fraction: number): void {
    this.months = within(this.months + within(whole, int4Max), int4Max)
    this.addFractionOfDays(fraction, 30)
  }

  addYears(whole: bigint, fraction: number, scale: number): void {
    this.years = within(this.years + within(whole * BigInt(scale), int4Max), int4Max)
    this.months = within(this.months + BigInt(roundHalfEven(fraction * scale * 12)), int4Max)
  }

  negate(): void {
    this.years = within(-this.years, int4Max)
    this.months = within(-this.months, int4Max)
    this.days = within(-this.days, int4Max)
    this.micros = within(-this.micros, int8Max)
  }

  finish(): { readonly months: number; readonly days: number; readonly micros: bigint } {
    const months = this.years * 12n + this.months
    if (months > int4Max || months < -int4Max - 1n) throw new SqlError('22008', 'interval out of range')
    return { months: Number(months), days: Number(this.days), micros: this.micros }
  }

  private addFractionOfDays(fraction: number, scale: number): void {
    const days = fraction * scale
    const whole = Math.trunc(days)
    this.days = within(this.days + BigInt(whole), int4Max)
    this.addFraction(days - whole, 86_400_000_000)
  }

  private addFraction(fraction: number, scale: number): void {
    if (fraction === 0) return
    const scaled = fraction * scale
    let micros = Math.trunc(scaled)
    const rest = scaled - micros
    if (rest > 0.5) micros++
    else if (rest < -0.5) micros--
    this.addMicros(BigInt(micros))
  }
}

function within(value: bigint, max: bigint): bigint {
  if (value > max || value < -max - 1n) throw new DateProblem('field')
  return value
}
