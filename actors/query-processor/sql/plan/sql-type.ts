import { assert } from '../../../../protocol/assert.ts'
import { ByteReader, ByteWriter } from '../../../../protocol/bytes.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { compareRows, outputRow, recordType } from '../../../../protocol/values/record.ts'
import { typeByOid } from '../../../../protocol/values/registry.ts'
import type { SqlType } from '../../../../protocol/values/type.ts'
import { SqlRow, type Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'

/** The type of a bound expression: the binder names none that does not exist. */
export function sqlType(oid: Oid): SqlType {
  const type = typeByOid(oid)
  assert(type !== undefined, `type ${oid} is built in`)
  return type
}

const rowTypes = new WeakMap<TypeRef, SqlType>()

/** As sqlType, but rows whose fields are known can be shown, compared and kept in files. */
export function typeOf(type: TypeRef): SqlType {
  if (type.fields === undefined) return sqlType(type.oid)
  let known = rowTypes.get(type)
  if (known === undefined) rowTypes.set(type, (known = rowTypeOf(type.fields.map((field) => typeOf(field.type)))))
  return known
}

function rowTypeOf(fields: readonly SqlType[]): SqlType {
  const outputs = fields.map((field) => field.output.bind(field))
  const base: SqlType<SqlRow> = {
    ...recordType,
    output: (row, settings) => outputRow(row, outputs, settings),
    // record_send: how many fields, then of each its type and its binary form.
    send(row, writer) {
      writer.i32(fields.length)
      row.fields.forEach((value, i) => {
        const type = fields[i] as SqlType
        writer.u32(type.oid)
        if (value === null) {
          writer.i32(-1)
          return
        }
        const field = new ByteWriter(64)
        type.send(value, field)
        writer.i32(field.length)
        writer.bytes(field.view())
      })
    },
    encode(row, writer) {
      row.fields.forEach((value, i) => {
        if (value === null) {
          writer.u8(0)
          return
        }
        const field = new ByteWriter(64)
        ;(fields[i] as SqlType).encode(value, field)
        writer.varint(field.length + 1)
        writer.bytes(field.view())
      })
    },
    decode(buffer, start, end) {
      const reader = new ByteReader(buffer, start, end)
      const values = fields.map((field): Value => {
        const length = reader.varint()
        if (length === 0) return null
        const at = reader.at
        reader.at = at + length - 1
        return field.decode(reader.buffer, at, reader.at)
      })
      return new SqlRow(values)
    },
  }
  const compares = fields.flatMap(({ compare }) => (compare === undefined ? [] : [compare]))
  const hashes = fields.flatMap(({ hashKey }) => (hashKey === undefined ? [] : [hashKey]))
  const made: SqlType<SqlRow> = {
    ...base,
    ...(compares.length === fields.length && { compare: (a: SqlRow, b: SqlRow) => compareRows(a, b, compares) }),
    ...(hashes.length === fields.length && {
      hashKey: (row: SqlRow) =>
        row.fields
          .map((value, i) => {
            if (value === null) return 'n;'
            const key = (hashes[i] as (value: Value) => unknown)(value)
            return typeof key === 'string' ? `${key.length}:${key}` : `${String(key)};`
          })
          .join(''),
    }),
  }
  return made as unknown as SqlType
}
