import { ByteWriter } from '../../../../protocol/bytes.ts'
import { knownType } from '../../../../protocol/values/registry.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Implementations, ScalarFunction } from './registry.ts'

/** The binary output functions, which can be called by name: encode(int8send(x), 'hex'). */
const senders = {
  boolsend: 16,
  byteasend: 17,
  charsend: 18,
  namesend: 19,
  int8send: 20,
  int2send: 21,
  int4send: 23,
  textsend: 25,
  oidsend: 26,
  tidsend: 27,
  xidsend: 28,
  cidsend: 29,
  float4send: 700,
  float8send: 701,
  bpcharsend: 1042,
  varcharsend: 1043,
  numeric_send: 1700,
  uuid_send: 2950,
  xid8send: 5069,
} as const

function sender(oid: number): ScalarFunction {
  return ((_context: unknown, value: Value) => {
    const writer = new ByteWriter(64)
    knownType(oid).send(value as never, writer)
    return Uint8Array.from(writer.view())
  }) as ScalarFunction
}

export const sendFunctions: Implementations = {
  scalar: Object.fromEntries(Object.entries(senders).map(([name, oid]) => [name, sender(oid)])),
}
