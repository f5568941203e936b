/** Input, output and complaints of the scalar types, as PostgreSQL 16 gives them. One line: type, text, `=` shown or SQLSTATE and message. */
import { expect, test } from 'vitest'
import { SqlError } from '../../../protocol/errors.ts'
import { typeByName } from '../../../protocol/values/registry.ts'
import { noTypmod, outputDefaults, type SqlType } from '../../../protocol/values/type.ts'

const transcript = String.raw`
bool | yE | t
bool | of | f
bool | o | 22P02 invalid input syntax for type boolean: "o"
int2 | 32768 | 22003 value "32768" is out of range for type smallint
int4 |  0x_1F  | 31
int4 | -0b101 | -5
int4 | 1_000 | 1000
int4 | 1__0 | 22P02 invalid input syntax for type integer: "1__0"
int4 | _1 | 22P02 invalid input syntax for type integer: "_1"
int4 | 2147483649abc | 22P02 invalid input syntax for type integer: "2147483649abc"
int4 | 21474836490abc | 22003 value "21474836490abc" is out of range for type integer
int4 | -2147483648 | -2147483648
int8 | 9223372036854775808 | 22003 value "9223372036854775808" is out of range for type bigint
oid | -1 | 4294967295
oid | 010 | 8
oid | 4294967296 | 22003 value "4294967296" is out of range for type oid
float8 | 1e23 | 9.999999999999999e+22
float8 | 123456789012345678 | 1.2345678901234568e+17
float8 | 0.0001 | 0.0001
float8 | 0.00001 | 1e-05
float8 | -nan | NaN
float8 | 1e400 | 22003 "1e400" is out of range for type double precision
float8 | 1e-400 | 22003 "1e-400" is out of range for type double precision
float8 | 0x1p3 | 8
float8 | 1_0 | 22P02 invalid input syntax for type double precision: "1_0"
float4 | 16777217 | 1.6777216e+07
float4 | 3372532.25 | 3.3725322e+06
float4 | 1e-4 | 0.0001
float4 | 3.5e38 | 22003 "3.5e38" is out of range for type real
numeric | 1_0.5_0 | 10.50
numeric | 1e-3 | 0.001
numeric | 1.5e3 | 1500
numeric | 0xff | 255
numeric | -inf | -Infinity
numeric | +NaN | 22P02 invalid input syntax for type numeric: "+NaN"
numeric | 1e131072 | 22003 value overflows numeric format
numeric(5,2) | 999.994 | 999.99
numeric(5,2) | 999.995 | 22003 numeric field overflow
numeric(3,-2) | 12345 | 12300
numeric(2,4) | 0.00994 | 0.0099
numeric(2,4) | 0.01 | 22003 numeric field overflow
varchar(3) | abc   | abc
varchar(3) | abcd | 22001 value too long for type character varying(3)
bpchar(3) | a | a··
bpchar(3) | 😀😀😀😀 | 22001 value too long for type character(3)
char | \303 | \303
char | é | \303
bytea | \x00Ff | \x00ff
bytea | a\\b\000 | \x615c6200
bytea | \x0 | 22023 invalid hexadecimal data: odd number of digits
bytea | \x0g | 22023 invalid hexadecimal digit: "g"
bytea | \4 | 22P02 invalid input syntax for type bytea
uuid | {A0EEBC99-9c0b4ef8-bb6d-6bb9bd380a11} | a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11
uuid | a0eebc99 | 22P02 invalid input syntax for type uuid: "a0eebc99"
tid | (1,70000) | 22P02 invalid input syntax for type tid: "(1,70000)"
oidvector |  1  2  | 1 2
regclass | - | -
anyelement | x | 0A000 cannot accept a value of type anyelement
`

function shown(typeText: string, text: string): string {
  const [name = '', modifiers] = typeText.replace(')', '').split('(')
  const type = typeByName(name) as SqlType
  try {
    const typmod = modifiers === undefined ? noTypmod : (type.typmodIn?.(modifiers.split(',').map(Number)) as number)
    return type
      .output(type.input(text, typmod, { ...outputDefaults, now: 0n }), outputDefaults)
      .replace(/ +$/, (blanks) => '·'.repeat(blanks.length))
  } catch (error) {
    if (error instanceof SqlError) return `${error.code} ${error.message}`
    throw error
  }
}

test.each(
  transcript
    .trim()
    .split('\n')
    .map((line) => /^(\S+) \| (.*) \| (.*)$/.exec(line)?.slice(1) as [string, string, string]),
)('%s %s', (type, text, expected) => {
  expect(shown(type, text)).toBe(expected)
})

test('NUL and invalid UTF-8 never become text', () => {
  const text = typeByName('text') as SqlType
  expect(() => text.input('a\0b', noTypmod, { ...outputDefaults, now: 0n })).toThrow(
    'invalid byte sequence for encoding "UTF8": 0x00',
  )
})

test('extra_float_digits below 1 rounds to what is sure, ties to even', () => {
  const float8 = typeByName('float8') as SqlType
  const at = (value: number, extraFloatDigits: number): string => float8.output(value, { ...outputDefaults, extraFloatDigits })
  expect([at(0.1 + 0.2, 1), at(0.1 + 0.2, 0), at(100000000000000.5, 0), at(1 / 3, -12), at(1e15, 0)]).toEqual([
    '0.30000000000000004',
    '0.3',
    '100000000000000',
    '0.333',
    '1e+15',
  ])
})

test('a row survives in the order of its columns, whatever its lengths', async () => {
  const { decodeRow, encodeRow } = await import('../../../protocol/row.ts')
  const types = ['int4', 'text', 'numeric', 'bytea', 'bool'].map((name) => typeByName(name) as SqlType)
  const numeric = types[2]?.input('12345678901234567890.5', noTypmod, { ...outputDefaults, now: 0n }) ?? null
  for (const length of [0, 126, 127, 128, 16_382, 16_383, 16_384, 70_000]) {
    const row = [1 - length, 'é'.repeat(length / 2), numeric, new Uint8Array(length).fill(7), false]
    const bytes = encodeRow(types, row)
    expect(decodeRow(bytes, types, [])).toEqual(row)
    expect(decodeRow(bytes, types, [], [0, 3])).toEqual([1 - length, undefined, undefined, row[3], undefined])
  }
  expect(decodeRow(encodeRow(types.slice(0, 2), [1, null]), types, [null, null, numeric, null, true])).toEqual([
    1,
    null,
    numeric,
    null,
    true,
  ])
})
