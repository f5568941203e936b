import { expect, test } from 'vitest'
import type { Index, Table } from '../../../actors/query-processor/sql/catalog/schema.ts'
import { indexEntry, rowKey, rowKeyOfEntry } from '../../../actors/query-processor/sql/plan/table-key.ts'
import type { Value } from '../../../protocol/values/value.ts'
import { MemorySession } from '../execute/memory-session.ts'

function tableWith(order: string): { table: Table; index: Index } {
  const session = new MemorySession()
  session.table('t', { columns: 'id int4, a int4, u text', primaryKey: ['id'], unique: [['u']], indexes: [[order, 'u']] })
  const table = session.catalog.relation(2200, 't') as Table
  return { table, index: table.indexes[1] as Index }
}

/** The order of index keys is the order ORDER BY would give. */
const orders: readonly (readonly [order: string, sorted: readonly (number | null)[]])[] = [
  ['a', [-5, 0, 7, null]],
  ['a first', [null, -5, 0, 7]],
  ['a desc', [null, 7, 0, -5]],
  ['a desc last', [7, 0, -5, null]],
]

for (const [order, sorted] of orders) {
  test(`entries of an index on ${order}`, () => {
    const { table, index } = tableWith(order)
    const keys = sorted.map((a, id) => {
      const row: Value[] = [sorted.length - id, a, 'same']
      return indexEntry(table, index, row, rowKey(table, row)).key
    })
    expect([...keys].sort()).toEqual(keys)
  })
}

test('a unique entry is its columns, any other goes on with the row key', () => {
  const { table } = tableWith('a')
  const unique = table.indexes[0] as Index
  const row: Value[] = [1, 2, 'x']
  const key = rowKey(table, row)
  const entry = indexEntry(table, unique, row, key)
  expect(entry).toMatchObject({ mode: 'X', unique: true })
  expect(entry.key.endsWith(key.slice(4))).toBe(false)
  expect(rowKeyOfEntry(table, entry.postImage)).toBe(key)
  const nothing = indexEntry(table, unique, [1, 2, null], key)
  expect(nothing).toMatchObject({ mode: 'E', unique: false })
  expect(nothing.key.endsWith(key.slice(4))).toBe(true)
})
