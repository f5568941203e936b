import { unreachable } from '../../../../protocol/assert.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { SessionValue } from '../bind/bound.ts'
import type { TypeRef } from '../catalog/schema.ts'
import { sqlType } from '../plan/sql-type.ts'
import type { Frame } from './frame.ts'

const inputTexts = {
  current_date: 'today',
  current_time: 'now',
  localtime: 'now',
  localtimestamp: 'now',
} as const

/** CURRENT_DATE and its kin, which SQL writes without parentheses. */
export function sessionValue(value: SessionValue, type: TypeRef, frame: Frame): Value {
  const { context } = frame
  switch (value) {
    case 'current_date':
    case 'current_time':
    case 'localtime':
    case 'localtimestamp':
      return sqlType(type.oid).input(inputTexts[value], type.typmod, context.settings)
    case 'current_timestamp': {
      const target = sqlType(type.oid)
      return type.typmod === -1 || target.coerceTypmod === undefined
        ? context.transactionTime
        : target.coerceTypmod(context.transactionTime, type.typmod, true)
    }
    case 'current_user':
    case 'session_user':
    case 'current_role':
      return context.user
    case 'current_catalog':
      return context.database
    case 'current_schema':
      return context.searchPath.find((name) => context.catalog.schema(name) !== undefined) ?? null
    default:
      return unreachable(value)
  }
}
