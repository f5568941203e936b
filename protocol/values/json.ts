import { checkJson } from './json-parse.ts'
import { textType } from './text.ts'
import type { SqlType } from './type.ts'

/** The text as it was given, known to be JSON. It has no order and no equality. */
export const jsonType: SqlType<string> = {
  oid: 114,
  name: 'json',
  displayName: 'json',
  category: 'U',
  preferred: false,
  length: -1,
  elementOid: 0,
  arrayOid: 199,
  input(text) {
    checkJson(text)
    return text
  },
  output: (value) => value,
  receive(reader, typmod) {
    const text = textType.receive(reader, typmod)
    checkJson(text)
    return text
  },
  send: (value, writer) => writer.utf8(value),
  encode: (value, writer) => writer.utf8(value),
  decode: (buffer, start, end) => buffer.utf8Slice(start, end),
}
