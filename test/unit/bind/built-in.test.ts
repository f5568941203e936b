import { expect, test } from 'vitest'
import { arrayElement, builtinTypeByName, builtinTypes } from '../../../actors/query-processor/sql/functions/builtin-types.ts'
import { allCasts, type CastContext, castPath } from '../../../actors/query-processor/sql/functions/casts.ts'
import { allOperators, operatorByOid } from '../../../actors/query-processor/sql/functions/operators.ts'
import {
  allProcedures,
  isRefusedProcedure,
  procedureByOid,
  proceduresByName,
} from '../../../actors/query-processor/sql/functions/procedures.ts'
import { smallCatalog } from './small-catalog.ts'

const oid = (name: string): number => builtinTypeByName(name)!.oid

test('what operators, casts and functions name is there', () => {
  const known = new Set([...builtinTypes()].map((type) => type.oid))
  for (const procedure of allProcedures()) {
    expect(procedureByOid(procedure.oid)).toBe(procedure)
    expect([procedure.result, ...procedure.arguments].every((type) => known.has(type))).toBe(true)
    expect(procedure.defaults.length).toBeLessThanOrEqual(procedure.arguments.length)
  }
  for (const operator of allOperators()) expect(procedureByOid(operator.procedure)).toBeDefined()
  for (const cast of allCasts()) if (cast.method === 'f') expect(procedureByOid(cast.procedure)).toBeDefined()
})

test('every column of a system relation has a type that the binder knows', () => {
  const known = new Set([...builtinTypes()].map((type) => type.oid))
  for (const relation of smallCatalog.relations()) {
    if (relation.kind === 'sequence') continue
    for (const column of relation.columns)
      expect([relation.name, column.name, known.has(column.type.oid)]).toEqual([relation.name, column.name, true])
  }
})

test('a function by name and oid', () => {
  expect(proceduresByName('lower').map((procedure) => [procedure.oid, procedure.source])).toEqual([[870, 'lower']])
  const each = procedureByOid(3208)!
  expect([each.name, each.returnsSet, each.columns.map((column) => column.name)]).toEqual(['jsonb_each', true, ['key', 'value']])
  expect(procedureByOid(3464)!.defaults).toEqual(['0', '0', '0', '0', '0', '0', '0.0'])
  expect([isRefusedProcedure('point'), isRefusedProcedure('no_such_thing')]).toEqual([true, false])
})

test('operators know their negators', () => {
  const equal = [...allOperators()].find(
    (operator) => operator.name === '=' && operator.left === oid('int4') && operator.right === oid('int8'),
  )!
  expect(operatorByOid(equal.negator).name).toBe('<>')
})

test('casts', () => {
  const path = (from: string, to: string, context: CastContext) => castPath(oid(from), oid(to), context)?.kind
  expect(path('int4', 'int8', 'implicit')).toBe('function')
  expect(path('int8', 'int4', 'implicit')).toBeUndefined()
  expect(path('int8', 'int4', 'assignment')).toBe('function')
  expect(path('varchar', 'text', 'implicit')).toBe('binary')
  expect(path('int4', 'text', 'assignment')).toBe('inout')
  expect(path('text', 'int4', 'assignment')).toBeUndefined()
  expect(path('text', 'int4', 'explicit')).toBe('inout')
  expect(path('_int4', '_int8', 'implicit')).toBe('array')
  expect(path('bool', 'date', 'explicit')).toBeUndefined()
})

test('elements', () => {
  expect(['_int4', 'int2vector', 'name', 'text'].map((name) => arrayElement(oid(name)))).toEqual([23, 21, 0, 0])
})
