import { expect, test } from 'vitest'
import { Settings } from '../../../actors/query-processor/settings.ts'
import { SqlError } from '../../../protocol/errors.ts'

function shown(name: string, value: string): string {
  const settings = new Settings('postgres', new Map())
  try {
    settings.set(name, value, false)
    return settings.show(name)
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    return `${error.code} ${error.message}`
  }
}

test.each([
  ['statement_timeout', '90s', '90s'],
  ['statement_timeout', '61000', '61s'],
  ['statement_timeout', '1.5s', '1500ms'],
  ['statement_timeout', '-1', '22023 -1 ms is outside the valid range for parameter "statement_timeout" (0 .. 2147483647)'],
  ['statement_timeout', '5 foo', '22023 invalid value for parameter "statement_timeout": "5 foo"'],
  ['work_mem', '1048576', '1GB'],
  ['work_mem', '0x100', '256kB'],
  ['random_page_cost', '-1', '22023 -1 is outside the valid range for parameter "random_page_cost" (0 .. 1.79769e+308)'],
  ['enable_seqscan', 'of', 'off'],
  ['enable_seqscan', 'maybe', '22023 parameter "enable_seqscan" requires a Boolean value'],
  ['DateStyle', 'german', 'German, DMY'],
  ['datestyle', 'iso, sql', '22023 invalid value for parameter "DateStyle": "iso, sql"'],
  ['TimeZone', 'europe/berlin', 'Europe/Berlin'],
  ['TimeZone', '-3.5', '<-03:30>+03:30'],
  ['TimeZone', 'foo/bar', '22023 invalid value for parameter "TimeZone": "foo/bar"'],
  ['client_encoding', 'unicode', 'UTF8'],
  ['client_encoding', 'latin1', '0A000 client_encoding = latin1 is not supported'],
  ['application_name', 'aé\nb', 'a\\xc3\\xa9\\x0ab'],
  ['fsync', 'off', '55P02 parameter "fsync" cannot be changed now'],
  ['server_version', '3', '55P02 parameter "server_version" cannot be changed'],
  ['foo', '3', '42704 unrecognized configuration parameter "foo"'],
  ['foo.bar', 'x y', 'x y'],
  ['a-b.c', '1', '42602 invalid configuration parameter name "a-b.c"'],
  ['default_transaction_isolation', 'serializable', '0A000 isolation level SERIALIZABLE is not supported'],
])('SET %s = %s', (name, value, expected) => {
  expect(shown(name, value)).toBe(expected)
})

test.each([
  ['DateStyle', 'ISO', 'ISO, MDY'],
  ['datestyle', 'German', 'German, DMY'],
  ['TimeZone', 'europe/berlin', 'Europe/Berlin'],
  ['client_encoding', 'utf-8', 'UTF8'],
  ['extra_float_digits', '2', '2'],
  ['statement_timeout', '10s', '10s'],
  ['application_name', 'aé', 'a\\xc3\\xa9'],
  ['application_name', 'n'.repeat(100), 'n'.repeat(63)],
  ['search_path', 'a,b', 'a,b'],
])('a client may start with %s = %s', (name, value, expected) => {
  expect(new Settings('postgres', new Map([[name, value]])).show(name)).toBe(expected)
})

test('a mark brings values back, RESET the ones of the start', () => {
  const settings = new Settings('postgres', new Map([['application_name', 'start']]))
  const mark = settings.mark()
  settings.set('application_name', 'later', false)
  settings.set('application_name', 'local', true)
  expect(settings.show('application_name')).toBe('local')
  settings.dropLocal()
  expect(settings.show('application_name')).toBe('later')
  settings.reset('application_name')
  expect(settings.show('application_name')).toBe('start')
  settings.set('work_mem', '1GB', false)
  settings.backTo(mark)
  expect([settings.show('application_name'), settings.show('work_mem')]).toEqual(['start', '4MB'])
})
