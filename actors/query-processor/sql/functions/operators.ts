import { assert } from '../../../../protocol/assert.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { operators } from './builtin.generated.ts'

export interface Operator {
  readonly oid: Oid
  readonly name: string
  /** 0 for a prefix operator */
  readonly left: Oid
  readonly right: Oid
  readonly result: Oid
  /** The pg_proc entry that computes it. */
  readonly procedure: Oid
  readonly commutator: Oid
  readonly negator: Oid
  readonly canMerge: boolean
  readonly canHash: boolean
}

interface Loaded {
  readonly byName: ReadonlyMap<string, readonly Operator[]>
  readonly byOid: ReadonlyMap<Oid, Operator>
}

let loaded: Loaded | undefined

function load(): Loaded {
  const byName = new Map<string, Operator[]>()
  const byOid = new Map<Oid, Operator>()
  for (const line of operators.split('\n')) {
    const f = line.split('\t')
    const operator: Operator = {
      oid: Number(f[0]),
      name: f[1]!,
      left: Number(f[2]),
      right: Number(f[3]),
      result: Number(f[4]),
      procedure: Number(f[5]),
      commutator: Number(f[6]),
      negator: Number(f[7]),
      canMerge: f[8] !== '',
      canHash: f[9] !== '',
    }
    byOid.set(operator.oid, operator)
    const same = byName.get(operator.name)
    if (same === undefined) byName.set(operator.name, [operator])
    else same.push(operator)
  }
  return { byName, byOid }
}

const all = (): Loaded => (loaded ??= load())

export const allOperators = (): Iterable<Operator> => all().byOid.values()

export function operatorByOid(oid: Oid): Operator {
  const operator = all().byOid.get(oid)
  assert(operator !== undefined, `operator ${oid} is built in`)
  return operator
}

/** Binary ones, or prefix ones (`left` 0). */
export function operatorsByName(name: string, arity: 1 | 2): readonly Operator[] {
  return (all().byName.get(name) ?? []).filter((operator) => (operator.left === 0) === (arity === 1))
}
