import { assert } from '../../../../protocol/assert.ts'
import { arrayFunctions } from './array.ts'
import { backendFunctions } from './backend.ts'
import { booleanFunctions } from './boolean.ts'
import { byteaFunctions } from './bytea.ts'
import { catalogDefinitionFunctions } from './catalog-definition.ts'
import { catalogPrivilegeFunctions } from './catalog-privilege.ts'
import { catalogSessionFunctions } from './catalog-session.ts'
import { datetimeFunctions } from './datetime.ts'
import { errorFunctions } from './error-function.ts'
import { extremeFunctions } from './extreme.ts'
import { floatFunctions } from './float.ts'
import { hashFunctions } from './hash.ts'
import { identifierFunctions } from './identifier.ts'
import { integerFunctions } from './integer.ts'
import { intervalFunctions } from './interval.ts'
import { jsonFunctions } from './json.ts'
import { keywordFunctions } from './keywords.ts'
import { nullCountFunctions } from './null-count.ts'
import { numericFunctions } from './numeric.ts'
import { orderedSetFunctions } from './ordered-set.ts'
import { patternFunctions } from './pattern.ts'
import { recordFunctions } from './record.ts'
import type { AggregateFunction, Implementations, ScalarFunction, SpecializedFunction } from './registry.ts'
import { regressionFunctions } from './regression.ts'
import { sendFunctions } from './send.ts'
import { sumFunctions } from './sum.ts'
import { textFunctions } from './text.ts'

/** Every family of functions there is. A name in two of them is a mistake of ours. */
const families: readonly Implementations[] = [
  booleanFunctions,
  integerFunctions,
  floatFunctions,
  numericFunctions,
  textFunctions,
  byteaFunctions,
  identifierFunctions,
  recordFunctions,
  nullCountFunctions,
  hashFunctions,
  sendFunctions,
  sumFunctions,
  regressionFunctions,
  extremeFunctions,
  orderedSetFunctions,
  datetimeFunctions,
  intervalFunctions,
  arrayFunctions,
  jsonFunctions,
  patternFunctions,
  catalogDefinitionFunctions,
  catalogPrivilegeFunctions,
  catalogSessionFunctions,
  backendFunctions,
  keywordFunctions,
  errorFunctions,
]

type SetImplementation = NonNullable<Implementations['set']>[string]

function merge<T>(pick: (family: Implementations) => Readonly<Record<string, T>> | undefined): ReadonlyMap<string, T> {
  const merged = new Map<string, T>()
  for (const family of families) {
    for (const [name, implementation] of Object.entries(pick(family) ?? {})) {
      assert(!merged.has(name), `${name} is implemented once`)
      merged.set(name, implementation)
    }
  }
  return merged
}

const scalars = merge((family) => family.scalar)
const sets = merge<SetImplementation>((family) => family.set)
const aggregates = merge((family) => family.aggregate)

/** By pg_proc.prosrc, or proname for functions that PostgreSQL writes in SQL. Undefined: PostgreSQL has it and we do not. */
export function scalarImplementation(source: string): ScalarFunction | SpecializedFunction | undefined {
  return scalars.get(source)
}

export function setImplementation(source: string): SetImplementation | undefined {
  return sets.get(source)
}

/** By `name(type,type)` with pg_type.typname: sum(int4), count(), string_agg(text,text). */
export function aggregateImplementation(signature: string): AggregateFunction | undefined {
  return aggregates.get(signature)
}
