import type { Oid } from '../../../../protocol/ids.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import { int4Oid } from '../functions/builtin-types.ts'

const firstOwnOid = 16_384

/**
 * oid and its kin share their 32 bits with int4, which PostgreSQL only relabels, but here a value is a number, and the number is another one.
 * Undefined: the value is the same under both names.
 */
export function renumbering(from: Oid, to: Oid): ((value: Value) => Value) | undefined {
  if (from === to || from >= firstOwnOid || to >= firstOwnOid) return undefined
  if (to === int4Oid) return (value) => (value === null ? null : (value as number) | 0)
  if (from === int4Oid) return (value) => (value === null ? null : (value as number) >>> 0)
  return undefined
}
