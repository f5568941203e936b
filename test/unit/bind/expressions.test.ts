import { expect, test } from 'vitest'
import { bind, bindExpression, bindTypeName, bindValueExpression } from '../../../actors/query-processor/sql/bind/bind.ts'
import type { Node } from '../../../actors/query-processor/sql/bind/parse-tree.ts'
import type { BindScope } from '../../../actors/query-processor/sql/bind/scope.ts'
import type { Table } from '../../../actors/query-processor/sql/catalog/schema.ts'
import { parse } from '../../../actors/query-processor/sql/parse.ts'
import { SqlError } from '../../../protocol/errors.ts'
import { outputDefaults } from '../../../protocol/values/type.ts'
import { smallCatalog } from './small-catalog.ts'

function parsed(sql: string): { readonly node: Node; readonly scope: BindScope } {
  const [statement] = parse(sql)
  const scope: BindScope = {
    catalog: smallCatalog,
    searchPath: ['public'],
    parameterTypes: [],
    positionOf: (location) => statement!.positionOf(location),
    settings: { ...outputDefaults, now: 0n },
    user: 'postgres',
    database: 'postgres',
  }
  return { node: statement!.node as Node, scope }
}

const expressionOf = (text: string) => {
  const { node, scope } = parsed(`SELECT ${text}`)
  return { node: node.SelectStmt!.targetList![0]!.ResTarget!.val!, scope }
}

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof SqlError) return `${error.code} ${error.message}`
    throw error
  }
  return 'accepted'
}

const u = smallCatalog.relation(2200, 'u') as Table

test.each([
  ['1 + 1', 'accepted'],
  ["'2020-01-01'", '22P02 invalid input syntax for type integer: "2020-01-01"'],
  ['id', '0A000 cannot use column reference in DEFAULT expression'],
  ['(select 1)', '0A000 cannot use subquery in DEFAULT expression'],
  ['count(*)', '42803 aggregate functions are not allowed in DEFAULT expressions'],
  ['generate_series(1, 2)', '0A000 set-returning functions are not allowed in DEFAULT expressions'],
  ['true', '42804 column "qty" is of type integer but default expression is of type boolean'],
  ['$1', '42P02 there is no parameter $1'],
])('DEFAULT %s', (text, expected) => {
  const { node, scope } = expressionOf(text)
  const type = { oid: 23, typmod: -1 }
  expect(refusal(() => bindExpression(node, scope, { place: 'DEFAULT', column: 'qty', type }))).toBe(expected)
})

test.each([
  ['qty > 0 and name <> id::text', 'accepted'],
  ['qty', '42804 argument of CHECK must be type boolean, not type smallint'],
  ['nope > 0', '42703 column "nope" does not exist'],
  ['exists (select 1)', '0A000 cannot use subquery in check constraint'],
  ['sum(qty) > 0', '42803 aggregate functions are not allowed in check constraints'],
])('CHECK %s', (text, expected) => {
  const { node, scope } = expressionOf(text)
  expect(refusal(() => bindExpression(node, scope, { place: 'CHECK', table: u, relation: 1 }))).toBe(expected)
})

test('an index expression keeps its type', () => {
  const { node, scope } = expressionOf('lower(name)')
  expect(bindExpression(node, scope, { place: 'index expression', table: u, relation: 7 })).toMatchObject({
    kind: 'call',
    type: { oid: 25 },
    arguments: [{ kind: 'column', relation: 7, column: 2 }],
  })
})

test('arguments of EXECUTE become what the parameter is', () => {
  const { node, scope } = expressionOf("'5'")
  const value = bindValueExpression(node, scope, { target: { type: 23, parameter: 1 } })
  expect(value).toMatchObject({ kind: 'constant', type: { oid: 23 }, value: 5 })
  const wrong = expressionOf('true')
  expect(refusal(() => bindValueExpression(wrong.node, wrong.scope, { target: { type: 1082, parameter: 2 } }))).toBe(
    '42804 parameter $2 of type boolean cannot be coerced to the expected type date',
  )
})

test('type names', () => {
  const typeOf = (written: string) => {
    const { node, scope } = expressionOf(`NULL::${written}`)
    return bindTypeName(node.TypeCast!.typeName, scope)
  }
  expect(typeOf('numeric(10,2)')).toEqual({ oid: 1700, typmod: 655_366 })
  expect(typeOf('character varying(5)[]')).toEqual({ oid: 1015, typmod: 9 })
  expect(refusal(() => typeOf('money'))).toBe('0A000 type money is not supported')
  expect(refusal(() => typeOf('nothing'))).toBe('42704 type "nothing" does not exist')
})

test('parameters: none in the simple protocol, known ones keep their type, unknown types are refused', () => {
  const { node, scope } = parsed('SELECT $1')
  expect(refusal(() => bind(node, { ...scope, parametersRefused: true }))).toBe('42P02 there is no parameter $1')
  expect(bind(node, { ...scope, parameterTypes: [20] }).parameters).toEqual([20])
  expect(refusal(() => bind(node, { ...scope, parameterTypes: [869] }))).toBe('42704 type with OID 869 does not exist')
})

test('what nests too deep is refused, and the next statement is served', () => {
  const { node, scope } = parsed(`SELECT ${'abs('.repeat(3_500)}1${')'.repeat(3_500)}`)
  expect(refusal(() => bind(node, scope))).toBe('54001 stack depth limit exceeded')
  const next = parsed('SELECT 1')
  expect(bind(next.node, next.scope).columns).toHaveLength(1)
})
