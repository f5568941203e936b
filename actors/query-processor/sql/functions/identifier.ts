import { bytesToHex } from '../../../../protocol/values/bytea.ts'
import { oidType, tidType, xid8Type } from '../../../../protocol/values/oid.ts'
import { uuidFromHex, uuidType } from '../../../../protocol/values/uuid.ts'
import type { SqlArray, Value } from '../../../../protocol/values/value.ts'
import { oidvectorType } from '../../../../protocol/values/vector.ts'
import { comparisons, extremes, ordering } from './comparison.ts'
import type { FunctionContext, Implementations, ScalarFunction } from './registry.ts'

type Order<V> = (a: V, b: V) => number

const compareOid = oidType.compare as Order<number>
const compareXid8 = xid8Type.compare as Order<bigint>
const compareTid = tidType.compare as Order<string>
const compareUuid = uuidType.compare as Order<string>
const compareVector = oidvectorType.compare as Order<SqlArray>

/** Random but for the version (4) and the variant (10), RFC 9562. */
function randomUuid(context: FunctionContext): string {
  const bytes = context.randomBytes(16)
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  return uuidFromHex(bytesToHex(bytes))
}

const equal: ScalarFunction = (_context, a: Value, b: Value) => a === b
const unequal: ScalarFunction = (_context, a: Value, b: Value) => a !== b

export const identifierFunctions: Implementations = {
  scalar: {
    ...comparisons('oid', compareOid),
    ...extremes('oid', compareOid),
    ...ordering('btoidcmp', compareOid),
    ...comparisons('oidvector', compareVector),
    ...comparisons('xid8', compareXid8),
    ...extremes('xid8_', compareXid8),
    ...ordering('xid8cmp', compareXid8),
    ...comparisons('tid', compareTid),
    ...extremes('tid', compareTid),
    ...ordering('bttidcmp', compareTid),
    ...comparisons('uuid_', compareUuid),
    ...ordering('uuid_cmp', compareUuid),
    uuid_eq: equal,
    uuid_ne: unequal,
    // The other operand may be int4: the same 32 bits.
    xideq: (_context, a: number, b: number) => a >>> 0 === b >>> 0,
    xidneq: (_context, a: number, b: number) => a >>> 0 !== b >>> 0,
    cideq: equal,
    xid8toxid: (_context, value: bigint) => Number(BigInt.asUintN(32, value)),
    gen_random_uuid: (context) => randomUuid(context),
  },
}
