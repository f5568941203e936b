/** Functions of dates, JSON, arrays and patterns, one call a line, with PostgreSQL 16's answers (the *.transcript files). */
import { expect, test } from 'vitest'
import type { FunctionContext } from '../../../actors/query-processor/sql/functions/registry.ts'
import { outputDefaults } from '../../../protocol/values/type.ts'
import { readTranscript, showCall } from '../transcript.ts'

const contextIn = (timeZone: string): FunctionContext =>
  ({ settings: { ...outputDefaults, timeZone, now: 0n }, transactionTime: 0n }) as unknown as FunctionContext

test.each([
  ['datetime', 'America/New_York'],
  ['json-array', 'UTC'],
  ['pattern', 'UTC'],
])('%s functions', (name, timeZone) => {
  const context = contextIn(timeZone)
  for (const { question, answer } of readTranscript(new URL(`./${name}.transcript`, import.meta.url))) {
    expect(`${question} => ${showCall(question, context)}`).toBe(`${question} => ${answer}`)
  }
})

test('regular expressions take time linear in the text', () => {
  const text = 'x'.repeat(50_000)
  expect(showCall(`textregexeq(text ${text} ; text (x+x+)+y)`, contextIn('UTC'))).toBe('false')
  expect(showCall(`textlike(text ${text} ; text %x%x%x%x%x%y)`, contextIn('UTC'))).toBe('false')
})
