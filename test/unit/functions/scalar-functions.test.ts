/** Functions of the scalar types, one call a line, with PostgreSQL 16's answers: what is shown, or SQLSTATE and message. */
import { expect, test } from 'vitest'
import { scalarImplementation } from '../../../actors/query-processor/sql/functions/implementations.ts'
import { type Procedure, proceduresByName } from '../../../actors/query-processor/sql/functions/procedures.ts'
import type { FunctionContext, SpecializedFunction } from '../../../actors/query-processor/sql/functions/registry.ts'
import { SqlError } from '../../../protocol/errors.ts'
import { knownType, typeByName } from '../../../protocol/values/registry.ts'
import { noTypmod, outputDefaults, type SqlType } from '../../../protocol/values/type.ts'
import type { Value } from '../../../protocol/values/value.ts'

const transcript = String.raw`
int4pl(int4 2147483647, int4 1) | 22003 integer out of range
int4mul(int4 46341, int4 46341) | 22003 integer out of range
int4div(int4 -7, int4 2) | -3
int4div(int4 -2147483648, int4 -1) | 22003 integer out of range
int4mod(int4 -7, int4 2) | -1
int4div(int4 1, int4 0) | 22012 division by zero
int2um(int2 -32768) | 22003 smallint out of range
int4shl(int4 1, int4 33) | 2
int4xor(int4 12, int4 -1) | -13
int8mul(int8 3037000500, int8 3037000500) | 22003 bigint out of range
int84div(int8 -9223372036854775808, int4 -1) | 22003 bigint out of range
int8shl(int8 1, int4 63) | -9223372036854775808
gcd(int4 -2147483648, int4 0) | 22003 integer out of range
lcm(int8 4, int8 -6) | 12
int4(int8 2147483648) | 22003 integer out of range
int2(float8 2.5) | 2
int4(float8 -2.5) | -2
int8(float8 9.3e18) | 22003 bigint out of range
oid(int8 -1) | 22003 OID out of range
to_hex(int4 -1) | ffffffff
to_hex(int8 -1) | ffffffffffffffff
float8pl(float8 1.7e308, float8 1.7e308) | 22003 value out of range: overflow
float8mul(float8 1e-300, float8 1e-300) | 22003 value out of range: underflow
float8div(float8 NaN, float8 0) | NaN
float4mul(float4 1.1, float4 1.1) | 1.21
float4(float8 1e-60) | 22003 value out of range: underflow
float4(int8 16777217) | 1.6777216e+07
round(float8 2.5) | 2
round(float8 -0.4) | -0
power(float8 -8, float8 0.3) | 2201F a negative number raised to a non-integer power yields a complex result
power(float8 0, float8 -1) | 2201F zero raised to a negative power is undefined
exp(float8 1000) | 22003 value out of range: overflow
ln(float8 0) | 2201E cannot take logarithm of zero
sqrt(float8 -1) | 2201F cannot take square root of a negative number
sind(float8 30) | 0.5
cosd(float8 120) | -0.5
tand(float8 -135) | 1
acosd(float8 -0.5) | 120
atanh(float8 2) | 22003 input is out of range
width_bucket(float8 3.5, float8 10, float8 1, int4 5) | 4
width_bucket(numeric 5, numeric 0, numeric 10, int4 2147483647) | 1073741824
numeric_div(numeric 1, numeric 3) | 0.33333333333333333333
numeric_div(numeric 10000, numeric 3.00) | 3333.3333333333333333
numeric_div(numeric Infinity, numeric 0) | 22012 division by zero
numeric_div(numeric 0, numeric Infinity) | 0
numeric_mul(numeric 1.50, numeric -2.25) | -3.3750
numeric_mod(numeric -7.5, numeric 2) | -1.5
div(numeric -7.5, numeric 2) | -3
round(numeric -2.5, int4 0) | -3
round(numeric 1250, int4 -2) | 1300
trunc(numeric -2.59, int4 1) | -2.5
ceil(numeric -1.5) | -1
floor(numeric -1.5) | -2
power(numeric 2, numeric 0.5) | 1.4142135623730950
power(numeric 10, numeric -20) | 0.000000000000000000010000000000000000
power(numeric 1.0000000001, numeric 2000000000) | 1.2214027581479558
power(numeric -2, numeric 0.5) | 2201F a negative number raised to a non-integer power yields a complex result
power(numeric 0, numeric -1) | 2201F zero raised to a negative power is undefined
power(numeric 10, numeric 200000) | 22003 value overflows numeric format
exp(numeric 1) | 2.7182818284590452
exp(numeric -5.5) | 0.004086771438464067
ln(numeric 1.0000001) | 0.00000009999999500000033
ln(numeric 1e100) | 230.25850929940457
log(numeric 2, numeric 64) | 6.0000000000000000
sqrt(numeric 2) | 1.414213562373095
sqrt(numeric 1e-20) | 0.0000000001000000000000000
factorial(int8 25) | 15511210043330985984000000
scale(numeric 1.500) | 3
trim_scale(numeric 1.500) | 1.5
numeric(float8 0.1) | 0.1
numeric(float4 0.1) | 0.1
int4(numeric 2147483647.5) | 22003 integer out of range
int8(numeric NaN) | 0A000 cannot convert NaN to bigint
to_char(numeric -1234.567, text FM9,999.99) | -1,234.57
to_char(int4 485, text 999th) |  485th
to_char(float8 0.000123, text 9.99EEEE) |  1.23e-04
to_char(numeric 12345, text 999) |  ###
to_number(text 12,454.8-, text 99G999D9S) | -12454.8
substring(text abcdef, int4 -1, int4 4) | ab
substring(text a😀c, int4 2, int4 1) | 😀
substring(text abc, int4 1, int4 -1) | 22011 negative substring length not allowed
left(text abcdé, int4 -2) | abc
right(text 😀abc, int4 -2) | bc
overlay(text abcdef, text XX, int4 2, int4 3) | aXXef
strpos(text a😀b, text b) | 3
replace(text aXbX, text X, text $&) | a$&b$&
translate(text 12345, text 143, text ax) | a2x5
btrim(text xyabcyx, text xy) | abc
lpad(text abc, int4 8, text é😀) | é😀é😀éabc
rpad(text abc, int4 2, text x) | ab
repeat(text ab, int4 1000000000) | 54000 requested length too large
reverse(text a😀b) | b😀a
split_part(text a,b,c, text ,, int4 -1) | c
split_part(text a, text ,, int4 0) | 22023 field position must not be zero
initcap(text hELLO wORLD-2nd éa) | Hello World-2nd éA
upper(text é straße) | é STRAßE
quote_ident(text select) | "select"
quote_ident(text Abc"d) | "Abc""d"
quote_literal(text a\b'c) | E'a\\b''c'
ascii(text €) | 8364
chr(int4 0) | 54000 null character not permitted
chr(int4 128512) | 😀
length(bpchar ab  ) | 2
octet_length(text é) | 2
md5(text a) | 0cc175b9c0f1b6a831c399e269772661
text_lt(text , text 😀) | t
bpchareq(bpchar a  , bpchar a) | t
varchar(varchar abcdef, int4 7, bool f) | 22001 value too long for type character varying(3)
varchar(varchar abcdef, int4 7, bool t) | abc
encode(bytea \x00ff5c41, text escape) | \000\377\\A
encode(bytea \x00ff5c41, text base64) | AP9cQQ==
decode(text YQ, text base64) | 22023 invalid base64 end sequence
decode(text =, text base64) | 22023 unexpected "=" while decoding base64 sequence
substring(bytea \x010203, int4 2) | \x0203
get_bit(bytea \x01ff, int8 8) | 1
set_byte(bytea \x0102, int4 2, int4 1) | 2202E index 2 out of valid range, 0..1
bit_count(bytea \xff01) | 9
convert_from(bytea \xff, name utf8) | 22021 invalid byte sequence for encoding "UTF8": 0xff
convert_from(bytea \xe9, name latin1) | é
sha256(bytea \x61) | \xca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb
uuid_lt(uuid 00000000-0000-0000-0000-000000000001, uuid a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11) | t
oidlt(oid 1, oid 4294967295) | t
unistr(text \0061\+01F600) | a😀
normalize(text é, text NFD) | é
cos(float8 0.1) | 0.9950041652780258
sin(float8 2.5) | 0.5984721441039565
tan(float8 -30.6522846131829) | 0.9574074519818955
exp(float8 21.944716606263405) | 3392105327.94113
ln(float8 39.247131389215184) | 3.669878355932442
atan2(float8 -180, float8 47.38142792944863) | -1.3134050326784508
power(float8 2.5, float8 3.5) | 24.705294220065465
power(float8 -2, float8 3) | -8
hashtext(text migrations) | 331260518
hashtextextended(text migrations, int8 42) | 2870333341464625329
int8send(int8 -2) | \xfffffffffffffffe
`

const settings = { ...outputDefaults, now: 0n }
const context = { settings } as unknown as FunctionContext
const argument = /, (?=(?:int2|int4|int8|float4|float8|numeric|text|bpchar|varchar|bool|bytea|name|uuid|oid) )/

/** `sqrt(numeric 2)`: found among pg_proc by name and argument types, called as the executor would. */
function call(text: string): string {
  const [, name = '', list = ''] = /^(\w+)\((.*)\)$/.exec(text) ?? []
  const given = list.split(argument).map((item) => {
    const space = item.indexOf(' ')
    return { type: typeByName(item.slice(0, space)) as SqlType, text: item.slice(space + 1) }
  })
  const procedure = proceduresByName(name).find(
    (candidate) => String(candidate.arguments) === String(given.map((one) => one.type.oid)),
  ) as Procedure
  const implementation = scalarImplementation(procedure.language === 'internal' ? procedure.source : procedure.name)
  const types = {
    arguments: given.map((one) => ({ oid: one.type.oid, typmod: noTypmod })),
    result: { oid: procedure.result, typmod: noTypmod },
  }
  const run = (typeof implementation === 'function' ? implementation : implementation?.specialize(types)) as (
    context: FunctionContext,
    ...values: Value[]
  ) => Value
  try {
    const values = given.map((one) => one.type.input(one.text, noTypmod, settings))
    return knownType(procedure.result).output(run(context, ...values), settings)
  } catch (error) {
    if (error instanceof SqlError) return `${error.code} ${error.message}`
    throw error
  }
}

test.each(
  transcript
    .trim()
    .split('\n')
    .map((line) => line.split(' | ') as [string, string]),
)('%s', (text, expected) => {
  expect(call(text)).toBe(expected)
})

/** Functions of "any" know their arguments' types from the call site. */
function callAny(source: string, variadic: boolean, ...given: readonly (readonly [type: string, text: string | null])[]): Value {
  const implementation = scalarImplementation(source) as SpecializedFunction
  const types = given.map(([type]) => typeByName(type) as SqlType)
  const run = implementation.specialize({
    arguments: types.map((type) => ({ oid: type.oid, typmod: noTypmod })),
    result: { oid: 25, typmod: noTypmod },
    variadic,
  }) as (context: FunctionContext, ...values: Value[]) => Value
  return run(
    context,
    ...given.map(([, text], i) => (text === null ? null : (types[i] as SqlType).input(text, noTypmod, settings))),
  )
}

test('concat, concat_ws, format and quote_literal show values of any type', () => {
  expect([
    callAny('text_concat', false, ['bool', 't'], ['text', null], ['numeric', '1.50'], ['_int4', '{1,2}']),
    callAny('text_concat', true, ['_int4', '{1,NULL,2}']),
    callAny('text_concat', true, ['_int4', null]),
    callAny('text_concat_ws', false, ['text', ','], ['bool', 'f'], ['text', null], ['int4', '1']),
    callAny('text_concat_ws', false, ['text', null], ['int4', '1']),
    callAny(
      'text_format',
      false,
      ['text', '%5s|%-5s|%*s|%2$s %I %L'],
      ['text', 'a'],
      ['text', 'b'],
      ['int4', '4'],
      ['text', 'c d'],
      ['text', null],
    ),
    callAny('text_format', true, ['text', '%s-%s'], ['_text', '{x,y}']),
    callAny('quote_literal', false, ['numeric', '1.50']),
    callAny('quote_nullable', false, ['int4', null]),
    callAny('pg_num_nulls', false, ['int4', null], ['text', 'a'], ['text', null]),
  ]).toEqual(['t1.50{1,2}', '12', null, 'f,1', null, `    a|b    | c d|b "4" 'c d'`, 'x-y', "'1.50'", 'NULL', 2])
})

test('random values come from the context', () => {
  const random = {
    ...context,
    random: () => 0.25,
    randomBytes: (length: number) => new Uint8Array(length).fill(0xff),
  } as FunctionContext
  const run = (source: string): Value => (scalarImplementation(source) as (context: FunctionContext) => Value)(random)
  expect([run('drandom'), run('gen_random_uuid')]).toEqual([0.25, 'ffffffff-ffff-4fff-bfff-ffffffffffff'])
})
