/** What dates, times, intervals, JSON and arrays read and write, line by line with PostgreSQL 16's answers (the *.transcript files). */
import { expect, test } from 'vitest'
import { intervalType } from '../../../protocol/values/interval.ts'
import { readTranscript, showValue } from '../transcript.ts'

const interval = (modifiers: readonly number[]): readonly [string, number] => [
  'interval',
  intervalType.typmodIn?.(modifiers) as number,
]
const day = 1 << 3
const hour = 1 << 10
const minute = 1 << 11
const second = 1 << 12
const modifiers = {
  'timestamp(2)': ['timestamp', 2],
  'time(0)': ['time', 0],
  'interval(1)': interval([0x7fff, 1]),
  'interval day to minute': interval([day | hour | minute]),
  'interval year': interval([1 << 2]),
  'interval minute to second': interval([minute | second]),
} as const

test.each(['datetime', 'json-array'])('%s texts', (name) => {
  for (const line of readTranscript(new URL(`./${name}.transcript`, import.meta.url))) {
    expect(`${line.question} => ${showValue(line, modifiers)}`).toBe(`${line.question} => ${line.answer}`)
  }
})
