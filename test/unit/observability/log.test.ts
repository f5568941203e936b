import { afterEach, expect, test } from 'vitest'
import { type Format, type Level, lineOf, log, logs, logTo } from '../../../observability/log.ts'

let close = (): void => {}
afterEach(() => close())
let now = 1_700_000_000_000_000

function open(level: Level, format: Format = 'text'): string[] {
  const lines: string[] = []
  close = logTo({ level, format, now: () => now, write: (line) => lines.push(line) })
  now += 1_000_000
  return lines
}

test('a level includes those that are worse, and without a sink nothing is made', () => {
  const said = (level: Level): string[] => {
    const lines = open(level)
    for (const one of ['error', 'warning', 'info'] as const) if (logs(one)) log(one, one)
    close()
    return lines.map((line) => line.split(' ').at(-1)?.trim() as string)
  }
  expect(said('error')).toEqual(['error'])
  expect(said('warning')).toEqual(['error', 'warning'])
  expect(said('info')).toEqual(['error', 'warning', 'info'])
  expect(logs('error')).toBe(false)
})

test('a line is one line, in either format', () => {
  const fields = { statement: 'select "a"\nfrom b', pid: 7, trace_id: undefined, host: '127.0.0.1:5432' }
  const at = 1_700_000_000_000_000
  expect(lineOf('text', at, 'warning', 'slow statement', fields)).toBe(
    '2023-11-14T22:13:20.000Z taudb: warning: slow statement statement="select \\"a\\"\\nfrom b" pid=7 host=127.0.0.1:5432\n',
  )
  expect(JSON.parse(lineOf('json', at, 'warning', 'slow statement', fields))).toEqual({
    time: '2023-11-14T22:13:20.000Z',
    level: 'warning',
    message: 'slow statement',
    statement: 'select "a"\nfrom b',
    pid: 7,
    host: '127.0.0.1:5432',
  })
})

test('a flood is cut off, and said to be', () => {
  const lines = open('info', 'json')
  for (let i = 0; i < 1_000; i++) log('info', 'again')
  now += 1_000_000
  log('info', 'later')
  expect(lines.length).toBe(202)
  expect(lines.slice(-2).map((line) => JSON.parse(line))).toMatchObject([
    { message: 'lines were left out', lines: 800 },
    { message: 'later' },
  ])
})
