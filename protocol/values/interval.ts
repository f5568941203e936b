/** Months, days and microseconds, kept apart as PostgreSQL keeps them. Immutable. */
export class Interval {
  readonly months: number
  readonly days: number
  readonly micros: bigint

  constructor(months: number, days: number, micros: bigint) {
    this.months = months
    this.days = days
    this.micros = micros
  }
}
