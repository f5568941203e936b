import type { ByteReader, ByteWriter } from '../bytes.ts'
import { SqlError } from '../errors.ts'
import type { Oid } from '../ids.ts'
import type { SqlType } from './type.ts'

function refused(verb: 'accept' | 'display', name: string): SqlError {
  return new SqlError('0A000', `cannot ${verb} a value of type ${name}`)
}

/** A type that stands in signatures only. */
function pseudoType(oid: Oid, name: string, length: number): SqlType<never> {
  return {
    oid,
    name,
    displayName: name === 'any' ? '"any"' : name,
    category: 'P',
    preferred: false,
    length,
    elementOid: 0,
    arrayOid: 0,
    input() {
      throw refused('accept', name)
    },
    output() {
      throw refused('display', name)
    },
    receive() {
      throw refused('accept', name)
    },
    send() {
      throw refused('display', name)
    },
    encode() {
      throw refused('accept', name)
    },
    decode() {
      throw refused('display', name)
    },
  }
}

export const pseudoTypes: readonly SqlType<never>[] = [
  pseudoType(2276, 'any', 4),
  pseudoType(2277, 'anyarray', -1),
  pseudoType(2279, 'trigger', 4),
  pseudoType(2281, 'internal', 8),
  pseudoType(2283, 'anyelement', 4),
  pseudoType(2776, 'anynonarray', 4),
  pseudoType(5077, 'anycompatible', 4),
  pseudoType(5078, 'anycompatiblearray', -1),
  pseudoType(5079, 'anycompatiblenonarray', 4),
]

/** The result of functions called for what they do: shown as an empty text. */
export const voidType: SqlType<string> = {
  oid: 2278,
  name: 'void',
  displayName: 'void',
  category: 'P',
  preferred: false,
  length: 4,
  elementOid: 0,
  arrayOid: 0,
  input: () => '',
  output: () => '',
  receive(reader: ByteReader) {
    reader.at = reader.end
    return ''
  },
  send() {},
  encode(_value: string, _writer: ByteWriter) {},
  decode: () => '',
}
