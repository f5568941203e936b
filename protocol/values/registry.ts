import { assert } from '../assert.ts'
import type { Oid } from '../ids.ts'
import { arrayType } from './array.ts'
import { boolType } from './boolean.ts'
import { byteaType } from './bytea.ts'
import { dateType } from './date.ts'
import { float4Type, float8Type } from './float.ts'
import { int2Type, int4Type, int8Type } from './integer.ts'
import { intervalType } from './interval.ts'
import { jsonType } from './json.ts'
import { jsonbType } from './jsonb.ts'
import { numericType } from './numeric-type.ts'
import {
  cidType,
  oidType,
  regclassType,
  regnamespaceType,
  regprocedureType,
  regprocType,
  regroleType,
  regtypeType,
  tidType,
  xid8Type,
  xidType,
} from './oid.ts'
import { pseudoTypes, voidType } from './pseudo.ts'
import { recordType } from './record.ts'
import {
  aclitemType,
  bpcharType,
  charType,
  cstringType,
  nameType,
  nodeTreeType,
  textType,
  unknownType,
  varcharType,
} from './text.ts'
import { timeType, timetzType } from './time.ts'
import { timestampType, timestamptzType } from './timestamp.ts'
import type { SqlType } from './type.ts'
import { uuidType } from './uuid.ts'
import { int2vectorType, oidvectorType } from './vector.ts'

const byOid: (SqlType | undefined)[] = []
const byName = new Map<string, SqlType>()

function register(type: unknown): void {
  const known = type as SqlType
  byOid[known.oid] = known
  byName.set(known.name, known)
}

/** The type and the array over it. */
function registerWithArray(type: unknown): void {
  register(type)
  if ((type as SqlType).arrayOid !== 0) {
    const array = arrayType(type as SqlType)
    byOid[(type as SqlType).arrayOid] = array as unknown as SqlType
    byName.set(array.name, array as unknown as SqlType)
  }
}

for (const type of [
  boolType,
  byteaType,
  charType,
  nameType,
  int8Type,
  int2Type,
  int4Type,
  textType,
  oidType,
  tidType,
  xidType,
  cidType,
  xid8Type,
  float4Type,
  float8Type,
  bpcharType,
  varcharType,
  numericType,
  uuidType,
  aclitemType,
  nodeTreeType,
  regprocType,
  regprocedureType,
  regclassType,
  regtypeType,
  regnamespaceType,
  regroleType,
  int2vectorType,
  oidvectorType,
  dateType,
  timeType,
  timetzType,
  timestampType,
  timestamptzType,
  intervalType,
  jsonType,
  jsonbType,
]) {
  registerWithArray(type)
}
for (const type of [unknownType, cstringType, voidType, recordType, ...pseudoTypes]) register(type)

/** The built-in type with this oid, array types included. */
export function typeByOid(oid: Oid): SqlType | undefined {
  return byOid[oid]
}

/** The same where the oid comes from our own catalog or plan. */
export function knownType(oid: Oid): SqlType {
  const type = byOid[oid]
  assert(type !== undefined, `type ${oid} is registered`)
  return type
}

/** By pg_type.typname: int4, bpchar, _text. SQL's spellings (integer, character varying) are the binder's. */
export function typeByName(name: string): SqlType | undefined {
  return byName.get(name)
}
