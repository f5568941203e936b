import { invalidText } from '../errors.ts'
import { need } from './binary-input.ts'
import { trimSpace } from './space.ts'
import type { SqlType } from './type.ts'

const words: readonly (readonly [string, number, boolean])[] = [
  ['true', 1, true],
  ['false', 1, false],
  ['yes', 1, true],
  ['no', 1, false],
  ['on', 2, true],
  ['off', 2, false],
  ['1', 1, true],
  ['0', 1, false],
]

/** Any unambiguous beginning of true, false, yes, no, on, off, 1, 0 in any case (parse_bool_with_len); undefined for anything else. */
function parseBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase()
  for (const [full, shortest, value] of words) {
    if (word.length >= shortest && full.startsWith(word)) return value
  }
  return undefined
}

export const boolType: SqlType<boolean> = {
  oid: 16,
  name: 'bool',
  displayName: 'boolean',
  category: 'B',
  preferred: true,
  length: 1,
  elementOid: 0,
  arrayOid: 1000,
  input(text) {
    if (text === 't' || text === 'true') return true
    if (text === 'f' || text === 'false') return false
    const value = parseBoolean(trimSpace(text))
    if (value === undefined) throw invalidText('boolean', text)
    return value
  },
  output: (value) => (value ? 't' : 'f'),
  receive(reader) {
    need(reader, 1)
    return reader.u8() !== 0
  },
  send: (value, writer) => writer.u8(value ? 1 : 0),
  compare: (a, b) => (a === b ? 0 : a ? 1 : -1),
  hashKey: (value) => value,
  encodeKey: (value, writer) => writer.u8(value ? 1 : 0),
  encode(value, writer) {
    if (value) writer.u8(1)
  },
  decode: (_buffer, start, end) => end > start,
}
