import fc from 'fast-check'
import { serialize } from 'pg-protocol'
import { expect, test } from 'vitest'
import { SqlError } from '../../../protocol/errors.ts'
import { type FrontendMessage, FrontendParser, type StartupPacket } from '../../../protocol/pg/frontend-messages.ts'

/** Parses what arrives in chunks of these sizes (the last one repeats); each chunk is wiped after use, as a shared read buffer would be. */
function parse(bytes: Buffer, chunkSizes: readonly number[] = [bytes.length]): FrontendMessage[] {
  const parser = new FrontendParser()
  const messages: FrontendMessage[] = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.max(1, chunkSizes[Math.min(i, chunkSizes.length - 1)] as number)
    const chunk = Buffer.from(bytes.subarray(at, at + size))
    at += chunk.length
    parser.feed(chunk)
    for (let message = parser.next(); message !== undefined; message = parser.next()) messages.push(message)
    parser.release()
    chunk.fill(0xaa)
  }
  expect(parser.unread).toBe(0)
  return messages
}

const frame = (type: string, body: Buffer | string, length?: number): Buffer => {
  const bytes = Buffer.from(body)
  const head = Buffer.alloc(5)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(length ?? bytes.length + 4, 1)
  return Buffer.concat([head, bytes])
}

const everything = Buffer.concat([
  serialize.query("select 'žluťoučký kůň 🐎'"),
  serialize.parse({ name: 's1', text: 'select $1, $2', types: [23, 25] }),
  serialize.bind({ portal: 'p', statement: 's1', values: ['1', null, Buffer.from([0, 1, 255])], binary: true }),
  serialize.describe({ type: 'S', name: 's1' }),
  serialize.describe({ type: 'P' }),
  serialize.execute({ portal: 'p', rows: 7 }),
  serialize.close({ type: 'S', name: 's1' }),
  serialize.close({ type: 'P', name: '' }),
  serialize.flush(),
  serialize.sync(),
  serialize.copyData(Buffer.from('1\ta\n')),
  serialize.copyDone(),
  serialize.copyFail('changed my mind'),
  serialize.password('secret'),
  frame('F', Buffer.alloc(12)),
  serialize.query(`select '${'x'.repeat(5_000)}'`),
  serialize.end(),
])

test('every message of another implementation is read as it was meant', () => {
  expect(parse(everything)).toEqual([
    { type: 'query', sql: "select 'žluťoučký kůň 🐎'" },
    { type: 'parse', name: 's1', sql: 'select $1, $2', parameterTypes: [23, 25] },
    {
      type: 'bind',
      portal: 'p',
      statement: 's1',
      parameterFormats: [0, 0, 1],
      parameters: [Buffer.from('1'), null, Buffer.from([0, 1, 255])],
      resultFormats: [1],
    },
    { type: 'describe', of: 'statement', name: 's1' },
    { type: 'describe', of: 'portal', name: '' },
    { type: 'execute', portal: 'p', rowsMax: 7 },
    { type: 'close', of: 'statement', name: 's1' },
    { type: 'close', of: 'portal', name: '' },
    { type: 'flush' },
    { type: 'sync' },
    { type: 'copyData', bytes: Buffer.from('1\ta\n') },
    { type: 'copyDone' },
    { type: 'copyFail', message: 'changed my mind' },
    { type: 'password', body: Buffer.from('secret\0') },
    { type: 'functionCall' },
    { type: 'query', sql: `select '${'x'.repeat(5_000)}'` },
    { type: 'terminate' },
  ])
})

test('the same bytes in any chunks are the same messages', () => {
  const whole = parse(everything)
  expect(parse(everything, [1])).toEqual(whole)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 60 }), (sizes) => {
      expect(parse(everything, sizes)).toEqual(whole)
    }),
    { numRuns: 60 },
  )
})

test('values come through whatever they hold', () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replaceAll('\0', ''))
  const value = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null })
  fc.assert(
    fc.property(
      name,
      name,
      name,
      fc.array(value, { maxLength: 6 }),
      fc.integer({ min: 1, max: 40 }),
      (a, b, sql, values, size) => {
        const buffers = values.map((bytes) => (bytes === null ? null : Buffer.from(bytes)))
        const bytes = Buffer.concat([
          serialize.parse({ name: a, text: sql, types: [] }),
          serialize.bind({ portal: b, statement: a, values: buffers }),
        ])
        expect(parse(bytes, [size])).toMatchObject([
          { name: a, sql },
          { portal: b, statement: a, parameters: buffers },
        ])
      },
    ),
    { numRuns: 100 },
  )
})

test('random bytes give messages or a protocol violation, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, startup) => {
      const parser = new FrontendParser()
      parser.feed(Buffer.from(bytes))
      try {
        for (let i = 0; i < 300; i++) {
          const message = startup ? parser.nextStartup() : parser.next()
          if (message === undefined || message.type === 'tlsHello') return
        }
      } catch (error) {
        expect(error).toMatchObject({ name: 'SqlError', fields: { severity: 'FATAL' } })
      }
    }),
    { numRuns: 300 },
  )
})

const broken: readonly [string, Buffer, Record<string, unknown>][] = [
  ['a query without its end', frame('Q', 'select 1'), { of: 'query', message: 'invalid string in message' }],
  ['bytes behind a query', frame('Q', 'select 1\0x'), { of: 'query', message: 'invalid message format' }],
  [
    'a query that is no UTF-8',
    frame('Q', Buffer.from([0x41, 0xc3, 0x28, 0])),
    { of: 'query', code: '22021', message: 'invalid byte sequence for encoding "UTF8": 0xc3 0x28' },
  ],
  [
    'a surrogate in UTF-8',
    frame('Q', Buffer.from([0xed, 0xa0, 0x80, 0])),
    { of: 'query', code: '22021', message: 'invalid byte sequence for encoding "UTF8": 0xed 0xa0 0x80' },
  ],
  [
    'a parse without its types',
    frame('P', 's\0select 1\0\0\x02\0\0'),
    { of: 'extended', message: 'insufficient data left in message' },
  ],
  [
    'a bind that promises parameters',
    frame('B', '\0\0\0\0\0\x05'),
    { of: 'extended', message: 'insufficient data left in message' },
  ],
  [
    'a parameter of negative length',
    frame('B', Buffer.from('\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0', 'latin1')),
    { of: 'extended', message: 'insufficient data left in message' },
  ],
  [
    'a parameter longer than its message',
    frame('B', '\0\0\0\0\0\x01\0\0\x01\0ab\0\0'),
    { of: 'extended', message: 'insufficient data left in message' },
  ],
  ['a describe of nothing known', frame('D', 'X\0'), { of: 'extended', message: 'invalid DESCRIBE message subtype 88' }],
  ['an empty describe', frame('D', ''), { of: 'extended', message: 'insufficient data left in message' }],
  ['an execute without its count', frame('E', '\0'), { of: 'extended', message: 'insufficient data left in message' }],
  ['a sync with a body', frame('S', 'x'), { of: 'query', message: 'invalid message format' }],
]

test.each(broken)('%s is an error and the next message is read', (_, bytes, { of, ...error }) => {
  const messages = parse(Buffer.concat([bytes, serialize.sync()]), [3])
  expect(messages).toMatchObject([{ type: 'malformed', of, error: { code: '08P01', ...error } }, { type: 'sync' }])
})

const hopeless: readonly [string, Buffer, string][] = [
  ['an unknown type', frame('z', ''), 'invalid frontend message type 122'],
  ['a length below four', frame('Q', '', 3), 'invalid message length'],
  ['a negative length', frame('Q', '', -1), 'invalid message length'],
  ['more than a gigabyte', frame('Q', '', 0x7fff_ffff), 'invalid message length'],
  ['a long sync', frame('S', '', 20_000), 'invalid message length'],
]

test.each(hopeless)('%s ends the conversation', (_, bytes, message) => {
  expect(() => parse(bytes)).toThrow(expect.objectContaining({ code: '08P01', message, fields: { severity: 'FATAL' } }))
})

test('a length alone takes no memory', () => {
  const parser = new FrontendParser()
  parser.feed(frame('Q', 'select', 500_000_000))
  parser.release()
  expect(parser.next()).toBeUndefined()
  expect(parser.unread).toBe(11)
})

function startup(bytes: Buffer, chunk = bytes.length): (StartupPacket | undefined)[] {
  const parser = new FrontendParser()
  const packets: (StartupPacket | undefined)[] = []
  for (let at = 0; at < bytes.length; at += chunk) {
    parser.feed(Buffer.from(bytes.subarray(at, at + chunk)))
    const packet = parser.nextStartup()
    if (packet !== undefined) packets.push(packet)
    parser.release()
  }
  return packets
}

test('start-up packets', () => {
  const bytes = serialize.startup({ user: 'anna', database: 'postgres' })
  const parameters = new Map([
    ['user', 'anna'],
    ['database', 'postgres'],
    ['client_encoding', 'UTF8'],
  ])
  expect(startup(bytes)).toEqual([{ type: 'startup', major: 3, minor: 0, parameters }])
  expect(startup(bytes, 1)).toEqual([{ type: 'startup', major: 3, minor: 0, parameters }])
  expect(startup(serialize.requestSsl())).toEqual([{ type: 'sslRequest' }])
  expect(startup(serialize.cancel(7, 9))).toEqual([{ type: 'cancel', backendId: 7, secret: Buffer.from([0, 0, 0, 9]) }])
  expect(startup(Buffer.from([0x16, 3, 1]))).toEqual([{ type: 'tlsHello' }])
})

const startupMistakes: readonly [string, Buffer, string][] = [
  ['a browser', Buffer.from('GET / HTTP/1.1\r\n'), 'invalid length of startup packet'],
  ['a packet too long', Buffer.from([0, 0, 0x27, 0x11]), 'invalid length of startup packet'],
  ['a packet too short', Buffer.from([0, 0, 0, 7, 0, 3, 0]), 'invalid length of startup packet'],
  [
    'a name without value',
    Buffer.from('\0\0\0\x0d\0\x03\0\0user\0', 'latin1'),
    'invalid startup packet layout: expected terminator as last byte',
  ],
  [
    'no terminator',
    Buffer.from('\0\0\0\x0f\0\x03\0\0user\0a\0', 'latin1'),
    'invalid startup packet layout: expected terminator as last byte',
  ],
  ['a short cancel', Buffer.from('\0\0\0\x0c\x04\xd2\x16\x2e\0\0\0\x01', 'latin1'), 'invalid length of query cancel packet'],
]

test.each(startupMistakes)('%s is refused', (_, bytes, message) => {
  expect(() => startup(bytes)).toThrow(SqlError)
  expect(() => startup(bytes)).toThrow(message)
})
