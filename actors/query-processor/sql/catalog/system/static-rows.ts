import { assert } from '../../../../../protocol/assert.ts'
import type { Oid } from '../../../../../protocol/ids.ts'
import { typeByOid } from '../../../../../protocol/values/registry.ts'
import { outputDefaults } from '../../../../../protocol/values/type.ts'
import type { Value } from '../../../../../protocol/values/value.ts'
import type { Row } from './record.ts'
import { systemRelation } from './relations.ts'
import { rows } from './rows.generated.ts'
import { pgCatalogOid } from './schemas.ts'

/** Catalogs whose rows are PostgreSQL's own, the same in every database. */
const parsed = new Map<string, readonly Row[]>()
const regprocOid = 24

export const hasStaticRows = (name: string): boolean => Object.hasOwn(rows, name)

export function staticRows(name: string): readonly Row[] {
  let known = parsed.get(name)
  if (known === undefined) parsed.set(name, (known = parse(name)))
  return known
}

function parse(name: string): readonly Row[] {
  const table = systemRelation(pgCatalogOid, name)
  const [header, text] = rows[name] ?? []
  assert(table !== undefined && header !== undefined && text !== undefined, `${name} is generated`)
  const readers = header.split(' ').map((column) => {
    const type = table.columns.find((one) => one.name === column)?.type.oid ?? 0
    return { column, read: reader(type) }
  })
  return text.split('\n').map((line) => {
    const fields = line.split('\t')
    return Object.fromEntries(readers.map(({ column, read }, i) => [column, fields[i] === '\\N' ? null : read(fields[i] ?? '')]))
  })
}

function reader(oid: Oid): (text: string) => Value {
  if (oid === regprocOid) return Number
  const type = typeByOid(oid)
  assert(type !== undefined, 'a column of a system relation has a type of ours')
  return (text) => type.input(text, -1, { ...outputDefaults, now: 0n })
}

let operatorClasses: ReadonlyMap<Oid, Oid> | undefined

/** The default btree operator class of a type: of what it is coercible to for varchar and arrays. */
export function defaultOperatorClass(type: Oid): Oid {
  operatorClasses ??= new Map(
    staticRows('pg_opclass')
      .filter((row) => row.opcmethod === 403 && row.opcdefault === true)
      .map((row) => [row.opcintype as Oid, row.oid as Oid]),
  )
  const [varchar, text, anyarray] = [1043, 25, 2277]
  const own = operatorClasses.get(type === varchar ? text : type)
  return own ?? (typeByOid(type)?.elementOid ? (operatorClasses.get(anyarray) ?? 0) : 0)
}
