import { DateProblem } from './datetime-problem.ts'
import { IntervalSum } from './interval-sum.ts'

const numberPattern = /[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?/iy
const fractionMax = 1e15

/** ISO 8601: with designators (P1Y2M3DT4H5M6S), or the alternative forms P0001-02-03T04:05:06 and P00010203T040506. Throws DateProblem. */
export function isoInterval(text: string): IntervalSum {
  const sum = new IntervalSum()
  if (text.length < 2 || text[0] !== 'P') throw new DateProblem('format')
  let at = 1
  let date = true
  let haveField = false
  const number = (): { whole: bigint; fraction: number; digits: number } => {
    if (!/[-.\d]/.test(text[at] ?? '')) throw new DateProblem('format')
    numberPattern.lastIndex = at
    const match = numberPattern.exec(text)
    if (!match) throw new DateProblem('format')
    const value = Number(match[0])
    if (!(value >= -fractionMax && value <= fractionMax)) throw new DateProblem('field')
    const digits = /^-?(\d*)/.exec(match[0])?.[1]?.length ?? 0
    at += match[0].length
    const whole = Math.trunc(value)
    return { whole: BigInt(whole), fraction: value - whole, digits }
  }
  const startTime = (): void => {
    date = false
    haveField = false
  }
  while (at < text.length) {
    if (text[at] === 'T') {
      startTime()
      at++
      continue
    }
    const { whole, fraction, digits } = number()
    const unit = text[at++]
    if (date) {
      if (unit === 'Y') sum.addYears(whole, fraction, 1)
      else if (unit === 'M') sum.addMonths(whole, fraction)
      else if (unit === 'W') sum.addDays(whole, fraction, 7)
      else if (unit === 'D') sum.addDays(whole, fraction, 1)
      else if ((unit === 'T' || unit === undefined) && digits === 8 && !haveField) {
        sum.addYears(whole / 10_000n, 0, 1)
        sum.addMonths((whole / 100n) % 100n, 0)
        sum.addDays(whole % 100n, fraction, 1)
        if (unit === undefined) return sum
        startTime()
        continue
      } else if (unit === 'T' || unit === undefined || unit === '-') {
        if (haveField) throw new DateProblem('format')
        sum.addYears(whole, fraction, 1)
        if (unit === undefined) return sum
        if (unit === 'T') {
          startTime()
          continue
        }
        const months = number()
        sum.addMonths(months.whole, months.fraction)
        if (at >= text.length) return sum
        if (text[at] === 'T') {
          startTime()
          continue
        }
        if (text[at++] !== '-') throw new DateProblem('format')
        const days = number()
        sum.addDays(days.whole, days.fraction, 1)
        if (at >= text.length) return sum
        if (text[at] !== 'T') throw new DateProblem('format')
        startTime()
        continue
      } else throw new DateProblem('format')
    } else if (unit === 'H') sum.addTime(whole, fraction, 3_600_000_000)
    else if (unit === 'M') sum.addTime(whole, fraction, 60_000_000)
    else if (unit === 'S') sum.addTime(whole, fraction, 1_000_000)
    else if (unit === undefined && digits === 6 && !haveField) {
      sum.addTime(whole / 10_000n, 0, 3_600_000_000)
      sum.addTime((whole / 100n) % 100n, 0, 60_000_000)
      sum.addTime(whole % 100n, 0, 1_000_000)
      sum.addTime(0n, fraction, 1)
      return sum
    } else if (unit === undefined || unit === ':') {
      if (haveField) throw new DateProblem('format')
      sum.addTime(whole, fraction, 3_600_000_000)
      if (unit === undefined) return sum
      const minutes = number()
      sum.addTime(minutes.whole, minutes.fraction, 60_000_000)
      if (at >= text.length) return sum
      if (text[at++] !== ':') throw new DateProblem('format')
      const seconds = number()
      sum.addTime(seconds.whole, seconds.fraction, 1_000_000)
      if (at >= text.length) return sum
      throw new DateProblem('format')
    } else throw new DateProblem('format')
    haveField = true
  }
  return sum
}
