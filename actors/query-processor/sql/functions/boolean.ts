import { boolType } from '../../../../protocol/values/boolean.ts'
import { folding } from './aggregate.ts'
import { comparisons, ordering } from './comparison.ts'
import type { Implementations } from './registry.ts'

type Compare = (a: boolean, b: boolean) => number
const compare = boolType.compare as Compare

export const booleanFunctions: Implementations = {
  scalar: {
    ...comparisons('bool', compare),
    ...ordering('btboolcmp', compare),
    booland_statefunc: (_context, a: boolean, b: boolean) => a && b,
    boolor_statefunc: (_context, a: boolean, b: boolean) => a || b,
    bool_int4: (_context, value: boolean) => (value ? 1 : 0),
    int4_bool: (_context, value: number) => value !== 0,
    booltext: (_context, value: boolean) => (value ? 'true' : 'false'),
  },
  aggregate: {
    'bool_and(bool)': folding((state: boolean, value: boolean) => state && value),
    'every(bool)': folding((state: boolean, value: boolean) => state && value),
    'bool_or(bool)': folding((state: boolean, value: boolean) => state || value),
  },
}
