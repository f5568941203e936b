import { SqlError } from '../errors.ts'
import { arrayType } from './array.ts'
import { int2Type } from './integer.ts'
import { oidType } from './oid.ts'
import type { SqlType } from './type.ts'
import { SqlArray } from './value.ts'

/** int2vector and oidvector: arrays from 0 without NULLs, written as `1 2 3`. Binary and stored forms are those of the plain array. */
function vectorType(element: SqlType<number>, oid: number, arrayOid: number, name: string): SqlType<SqlArray> {
  const { typmodIn: _none, coerceTypmod: _nothing, ...array } = arrayType(element)
  return {
    ...array,
    oid,
    name,
    displayName: name,
    elementOid: element.oid,
    arrayOid,
    input(text, typmod, settings) {
      const words = text.split(/[ \t\n\v\f\r]+/).filter((word) => word !== '')
      return new SqlArray(
        words.map((word) => element.input(word, typmod, settings)),
        0,
      )
    },
    output: (value, settings) => value.elements.map((item) => element.output(item as number, settings)).join(' '),
    send(value, writer) {
      if (value.elements.length > 0) return array.send(value, writer)
      // One dimension of length 0, where a plain empty array has none.
      for (const word of [1, 0, element.oid, 0, 0]) writer.i32(word)
    },
    receive(reader, typmod) {
      const value = array.receive(reader, typmod)
      if (value.elements.includes(null)) throw new SqlError('22P03', `invalid ${name} data`)
      return value.lowerBound === 0 ? value : new SqlArray(value.elements, 0)
    },
  }
}

export const int2vectorType = vectorType(int2Type, 22, 1006, 'int2vector')

const oidvectorArray = vectorType(oidType, 30, 1013, 'oidvector')

/** Shorter vectors first, whatever is in them (btoidvectorcmp). */
export const oidvectorType: SqlType<SqlArray> = {
  ...oidvectorArray,
  compare: (a, b) =>
    a.elements.length - b.elements.length || (oidvectorArray.compare as (a: SqlArray, b: SqlArray) => number)(a, b),
  encodeKey(value, writer) {
    writer.u32(value.elements.length)
    for (const item of value.elements) writer.u32(item as number)
  },
}
