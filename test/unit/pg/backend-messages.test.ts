import fc from 'fast-check'
import { parse } from 'pg-protocol'
import { expect, test } from 'vitest'
import { notice, SqlError } from '../../../protocol/errors.ts'
import { type BackendSink, BackendWriter, flushBytes, OutputBuffer } from '../../../protocol/pg/backend-messages.ts'

/** Takes bytes as a socket does: at once, or by keeping the memory. */
class Sink implements BackendSink {
  readonly sends: Buffer[] = []
  readonly takes: boolean

  constructor(takes = true) {
    this.takes = takes
  }

  send(bytes: Buffer): boolean {
    this.sends.push(this.takes ? Buffer.from(bytes) : bytes)
    return this.takes
  }

  drain(): undefined {}

  get bytes(): Buffer {
    return Buffer.concat(this.sends)
  }
}

async function read(bytes: Buffer): Promise<Record<string, unknown>[]> {
  const messages: Record<string, unknown>[] = []
  async function* stream(): AsyncGenerator<Buffer> {
    yield bytes
  }
  const { Readable } = await import('node:stream')
  await parse(Readable.from(stream(), { objectMode: false }), (message) => {
    const { length: _, ...rest } = message as unknown as Record<string, unknown>
    messages.push('message' in message ? { ...rest, message: message.message } : rest)
  })
  return messages
}

function writer(sink = new Sink(), shared = new OutputBuffer()): { out: BackendWriter; sink: Sink; shared: OutputBuffer } {
  return { out: new BackendWriter(shared, sink), sink, shared }
}

test('another implementation reads every message as it was meant', async () => {
  const { out, sink } = writer()
  out.authenticationOk()
  out.parameterStatus('server_version', '16.14')
  out.backendKeyData(7, '\x00\x00\x01\xff')
  out.readyForQuery('T')
  out.parseComplete()
  out.bindComplete()
  out.closeComplete()
  out.noData()
  out.portalSuspended()
  out.emptyQueryResponse()
  out.copyDone()
  out.commandComplete('INSERT 0 1')
  out.parameterDescription([23, 4_294_967_295])
  out.rowDescription([
    { name: 'kůň', tableOid: 16_384, attnum: 2, typeOid: 1700, typeLength: -1, typmod: 655_366, format: 0 },
    { name: '', tableOid: 0, attnum: 0, typeOid: 16, typeLength: 1, typmod: -1, format: 1 },
  ])
  out.beginRow(4)
  out.fieldText('žluť')
  out.fieldNull()
  out.fieldBytes(Uint8Array.of(0, 255))
  out.fieldText('x'.repeat(100))
  out.endRow()
  out.copyInResponse(0, [0, 0])
  out.copyOutResponse(1, [1])
  out.copyData(Buffer.from('1\n'))
  expect(sink.sends).toEqual([])
  out.flush()
  expect(sink.sends.length).toBe(1)
  const field = { dataTypeID: 1700, dataTypeSize: -1, dataTypeModifier: 655_366, tableID: 16_384, columnID: 2, format: 'text' }
  expect(await read(sink.bytes)).toMatchObject([
    { name: 'authenticationOk' },
    { name: 'parameterStatus', parameterName: 'server_version', parameterValue: '16.14' },
    { name: 'backendKeyData', processID: 7, secretKey: 511 },
    { name: 'readyForQuery', status: 'T' },
    { name: 'parseComplete' },
    { name: 'bindComplete' },
    { name: 'closeComplete' },
    { name: 'noData' },
    { name: 'portalSuspended' },
    { name: 'emptyQuery' },
    { name: 'copyDone' },
    { name: 'commandComplete', text: 'INSERT 0 1' },
    { name: 'parameterDescription', parameterCount: 2 },
    {
      name: 'rowDescription',
      fields: [
        { name: 'kůň', ...field },
        { name: '', dataTypeSize: 1, format: 'binary' },
      ],
    },
    { name: 'dataRow', fields: ['žluť', null, '\0\ufffd', 'x'.repeat(100)] },
    { name: 'copyInResponse', binary: false, columnTypes: [0, 0] },
    { name: 'copyOutResponse', binary: true, columnTypes: [1] },
    { name: 'copyData', chunk: Buffer.from('1\n') },
  ])
})

test('an error carries all its fields, and no NUL cuts it short', async () => {
  const { out, sink } = writer()
  out.error(
    new SqlError('23505', 'duplicate key\0 value', {
      detail: 'Key (a)=(1) already exists.',
      hint: 'h',
      position: 12,
      internalPosition: 3,
      internalQuery: 'q',
      where: 'w',
      schema: 'public',
      table: 't',
      column: 'a',
      datatype: 'd',
      constraint: 't_pkey',
    }),
  )
  out.error(new SqlError('57P01', 'over', { severity: 'FATAL' }))
  out.notice(notice('table "t" does not exist, skipping'))
  out.flush()
  expect(await read(sink.bytes)).toMatchObject([
    {
      name: 'error',
      severity: 'ERROR',
      code: '23505',
      message: 'duplicate key value',
      detail: 'Key (a)=(1) already exists.',
      hint: 'h',
      position: '12',
      internalPosition: '3',
      internalQuery: 'q',
      where: 'w',
      schema: 'public',
      table: 't',
      column: 'a',
      dataType: 'd',
      constraint: 't_pkey',
    },
    { name: 'error', severity: 'FATAL', code: '57P01' },
    { name: 'notice', severity: 'NOTICE', code: '00000', message: 'table "t" does not exist, skipping' },
  ])
})

test('texts of any kind come through', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme', maxLength: 60 }), { minLength: 1, maxLength: 5 }), async (texts) => {
      const { out, sink } = writer()
      out.beginRow(texts.length)
      for (const text of texts) out.fieldText(text)
      out.endRow()
      out.flush()
      expect(await read(sink.bytes)).toMatchObject([{ name: 'dataRow', fields: texts.map((text) => text.toWellFormed()) }])
    }),
    { numRuns: 100 },
  )
})

test.each([true, false])('sessions take turns in one buffer, mid-row too (socket takes at once: %s)', async (takes) => {
  const shared = new OutputBuffer()
  const sinks = [new Sink(takes), new Sink(takes), new Sink(takes)]
  const writers = sinks.map((sink) => new BackendWriter(shared, sink))
  for (let round = 0; round < 3; round++) {
    for (const [i, out] of writers.entries()) {
      out.commandComplete(`SET ${i}`)
      out.beginRow(2)
      out.fieldText(`a${i}`)
    }
    for (const [i, out] of writers.entries()) {
      out.fieldText(`b${i}`)
      out.endRow()
      if (i !== 1) out.flush()
    }
  }
  for (const out of writers) out.flush()
  for (const [i, sink] of sinks.entries()) {
    const round = [
      { name: 'commandComplete', text: `SET ${i}` },
      { name: 'dataRow', fields: [`a${i}`, `b${i}`] },
    ]
    expect(await read(sink.bytes)).toMatchObject([...round, ...round, ...round])
  }
  expect(sinks.map((sink) => sink.sends.length)).toEqual([3, 1, 3])
})

test('output leaves when 64 kB have gathered, and a huge row leaves no huge buffer behind', async () => {
  const { out, sink, shared } = writer()
  const row = (text: string): void => {
    out.beginRow(1)
    out.fieldText(text)
    out.endRow()
  }
  for (let i = 0; i < 20; i++) row('y'.repeat(10_000))
  expect(sink.sends.length).toBe(2)
  expect(sink.bytes.length).toBeGreaterThan(2 * flushBytes)
  row('z'.repeat(3_000_000))
  expect(shared.bytes.length).toBeLessThan(1_100_000)
  out.flush()
  const messages = await read(sink.bytes)
  expect(messages.map(({ fields }) => (fields as string[])[0]?.length)).toEqual([...Array(20).fill(10_000), 3_000_000])
})

test('a row cut short by an error is taken back', async () => {
  const { out, sink } = writer()
  out.commandComplete('SET')
  out.beginRow(3)
  out.fieldText('half')
  out.error(new SqlError('22003', 'value out of range'))
  out.readyForQuery('E')
  out.flush()
  expect(await read(sink.bytes)).toMatchObject([{ name: 'commandComplete' }, { name: 'error' }, { name: 'readyForQuery' }])
})

test('a row that does not keep its promise is a bug', () => {
  const { out } = writer()
  out.beginRow(2)
  out.fieldNull()
  expect(() => out.endRow()).toThrow('a row has the fields its beginning promised')
})
