import { invalidText } from '../errors.ts'
import { need } from './binary-input.ts'
import type { SqlType } from './type.ts'

const canonical = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** Braces around it, any case, a dash or none after every group of four digits. */
const liberal = /^(\{?)(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}(\}?)$/

export function uuidFromHex(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function parseUuid(text: string): string {
  if (canonical.test(text)) return text
  const match = liberal.exec(text)
  if (!match || (match[1] === '') !== (match[2] === '')) throw invalidText('uuid', text)
  return uuidFromHex(text.replace(/[-{}]/g, '').toLowerCase())
}

const hexOf = (value: string): string => value.replaceAll('-', '')

export const uuidType: SqlType<string> = {
  oid: 2950,
  name: 'uuid',
  displayName: 'uuid',
  category: 'U',
  preferred: false,
  length: 16,
  elementOid: 0,
  arrayOid: 2951,
  input: parseUuid,
  output: (value) => value,
  receive(reader) {
    need(reader, 16)
    return uuidFromHex(reader.bytes(16).toString('hex'))
  },
  send: writeBytes,
  compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  hashKey: (value) => value,
  encodeKey: writeBytes,
  encode: writeBytes,
  decode: (buffer, start, end) => uuidFromHex(buffer.toString('hex', start, end)),
}

function writeBytes(value: string, writer: { reserve(bytes: number): void; buffer: Buffer; length: number }): void {
  writer.reserve(16)
  writer.length += writer.buffer.write(hexOf(value), writer.length, 16, 'hex')
}
