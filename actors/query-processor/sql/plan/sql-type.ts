import { assert } from '../../../../protocol/assert.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { typeByOid } from '../../../../protocol/values/registry.ts'
import type { SqlType } from '../../../../protocol/values/type.ts'

/** The type of a bound expression: the binder names none that does not exist. */
export function sqlType(oid: Oid): SqlType {
  const type = typeByOid(oid)
  assert(type !== undefined, `type ${oid} is built in`)
  return type
}
