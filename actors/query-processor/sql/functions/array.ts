import { SqlError, unsupported } from '../../../../protocol/errors.ts'
import { arrayElementsMax, arrayType, emptyArray } from '../../../../protocol/values/array.ts'
import { checkBounds } from '../../../../protocol/values/array-literal.ts'
import { knownType } from '../../../../protocol/values/registry.ts'
import type { SqlType } from '../../../../protocol/values/type.ts'
import { SqlArray, type Value } from '../../../../protocol/values/value.ts'
import { arrayText, textToArray } from './array-text.ts'
import type {
  AggregateFunction,
  CallTypes,
  FunctionContext,
  Implementations,
  ScalarFunction,
  SetFunction,
  SpecializedFunction,
} from './registry.ts'

type Functions = Record<string, ScalarFunction | SpecializedFunction>

const elementType = ({ arguments: types }: CallTypes): SqlType => {
  for (const { oid } of types) {
    const { elementOid } = knownType(oid)
    if (elementOid !== 0) return knownType(elementOid)
  }
  throw unsupported('an array of unknown type')
}

type Compare = (a: Value, b: Value) => number

function compareOf(element: SqlType): Compare {
  const { compare, displayName } = element
  if (!compare) throw new SqlError('42883', `could not identify a comparison function for type ${displayName}`)
  return compare as Compare
}

function equalityOf(element: SqlType): (a: Value, b: Value) => boolean {
  const { compare, displayName } = element
  if (!compare) throw new SqlError('42883', `could not identify an equality operator for type ${displayName}`)
  const order = compare as Compare
  return (a, b) => (a === null || b === null ? a === b : order(a, b) === 0)
}

/** A function over the order of whole arrays. */
const byOrder = (make: (compare: (a: SqlArray, b: SqlArray) => number) => ScalarFunction): SpecializedFunction => ({
  specialize(types) {
    const element = elementType(types)
    compareOf(element)
    return make(arrayType(element).compare as (a: SqlArray, b: SqlArray) => number)
  },
})

const comparison = (test: (order: number) => boolean): SpecializedFunction =>
  byOrder((compare) => (_context, a: SqlArray, b: SqlArray) => test(compare(a, b)))

const comparisons: Functions = {
  array_eq: comparison((order) => order === 0),
  array_ne: comparison((order) => order !== 0),
  array_lt: comparison((order) => order < 0),
  array_le: comparison((order) => order <= 0),
  array_gt: comparison((order) => order > 0),
  array_ge: comparison((order) => order >= 0),
  btarraycmp: byOrder((compare) => (_context, a: SqlArray, b: SqlArray) => Math.sign(compare(a, b))),
  array_larger: byOrder((compare) => (_context, a: SqlArray, b: SqlArray) => (compare(a, b) >= 0 ? a : b)),
  array_smaller: byOrder((compare) => (_context, a: SqlArray, b: SqlArray) => (compare(a, b) <= 0 ? a : b)),
}

/** Is there an item like this? NULL is like nothing, itself included. Many items are put in order, or each question would go through all. */
function finder(element: SqlType, items: readonly Value[], questions: number): (value: Value) => boolean {
  if (items.length * questions < 10_000) {
    const equal = equalityOf(element)
    return (value) => value !== null && items.some((item) => item !== null && equal(item, value))
  }
  const compare = compareOf(element)
  const ordered = items.filter((item) => item !== null).sort(compare)
  return (value) => {
    if (value === null) return false
    let low = 0
    let high = ordered.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compare(ordered[middle] as Value, value) < 0) low = middle + 1
      else high = middle
    }
    return low < ordered.length && compare(ordered[low] as Value, value) === 0
  }
}

const containment = (test: (a: readonly Value[], b: readonly Value[], element: SqlType) => boolean): SpecializedFunction => ({
  specialize(types) {
    const element = elementType(types)
    equalityOf(element)
    return (_context, a: SqlArray, b: SqlArray) => test(a.elements, b.elements, element)
  },
})

const contains = (a: readonly Value[], b: readonly Value[], element: SqlType): boolean => b.every(finder(element, a, b.length))

const containments: Functions = {
  arraycontains: containment(contains),
  arraycontained: containment((a, b, element) => contains(b, a, element)),
  arrayoverlap: containment((a, b, element) => a.some(finder(element, b, a.length))),
}

function make(elements: readonly Value[], lowerBound = 1): SqlArray {
  if (elements.length > arrayElementsMax) {
    throw new SqlError('54000', `array size exceeds the maximum allowed (${arrayElementsMax})`)
  }
  if (elements.length === 0) return emptyArray
  checkBounds(lowerBound, elements.length)
  return new SqlArray(elements, lowerBound)
}

const integerOutOfRange = (): SqlError => new SqlError('22003', 'integer out of range')

function append(array: SqlArray | null, value: Value): SqlArray {
  if (array === null || array.elements.length === 0) return new SqlArray([value])
  if (array.lowerBound + array.elements.length > 2_147_483_647) throw integerOutOfRange()
  return make([...array.elements, value], array.lowerBound)
}

/** The new element takes the subscript of the first one, the others move up. */
function prepend(value: Value, array: SqlArray | null): SqlArray {
  if (array === null || array.elements.length === 0) return new SqlArray([value])
  return make([value, ...array.elements], array.lowerBound)
}

function concatenate(a: SqlArray | null, b: SqlArray | null): SqlArray | null {
  if (a === null || b === null) return a ?? b
  if (a.elements.length === 0) return b
  return b.elements.length === 0 ? a : make(a.elements.concat(b.elements), a.lowerBound)
}

/** From `start` (a subscript) on, or from the first element. */
function positionOf(array: SqlArray, value: Value, start: number, equal: (a: Value, b: Value) => boolean): number | null {
  const from = Math.max(0, start - array.lowerBound)
  for (let i = from; i < array.elements.length; i++) {
    if (equal(array.elements[i] as Value, value)) return i + array.lowerBound
  }
  return null
}

const withEquality = (makeFunction: (equal: (a: Value, b: Value) => boolean) => ScalarFunction): SpecializedFunction => ({
  specialize: (types) => makeFunction(equalityOf(elementType(types))),
})

const searches: Functions = {
  array_position: withEquality(
    (equal) => (_context, array: SqlArray | null, value: Value) =>
      array === null ? null : positionOf(array, value, array.lowerBound, equal),
  ),
  array_position_start: withEquality((equal) => (_context, array: SqlArray | null, value: Value, start: number | null) => {
    if (array === null || array.elements.length === 0 || (value === null && !array.elements.includes(null))) return null
    if (start === null) throw new SqlError('22004', 'initial position must not be null')
    return positionOf(array, value, start, equal)
  }),
  array_positions: withEquality((equal) => (_context, array: SqlArray | null, value: Value) => {
    if (array === null) return null
    const found: number[] = []
    for (const [i, item] of array.elements.entries()) if (equal(item, value)) found.push(i + array.lowerBound)
    return make(found)
  }),
  array_remove: withEquality((equal) => (_context, array: SqlArray | null, value: Value) => {
    if (array === null) return null
    const kept = array.elements.filter((item) => !equal(item, value))
    return kept.length === array.elements.length ? array : make(kept, array.lowerBound)
  }),
  array_replace: withEquality(
    (equal) => (_context, array: SqlArray | null, from: Value, to: Value) =>
      array === null
        ? null
        : make(
            array.elements.map((item) => (equal(item, from) ? to : item)),
            array.lowerBound,
          ),
  ),
  width_bucket_array: {
    specialize(types) {
      const compare = compareOf(elementType(types))
      return (_context, operand: Value, thresholds: SqlArray) => {
        if (thresholds.elements.includes(null)) throw new SqlError('22004', 'thresholds array must not contain NULLs')
        let low = 0
        let high = thresholds.elements.length
        while (low < high) {
          const middle = (low + high) >> 1
          if (compare(operand, thresholds.elements[middle] as Value) < 0) high = middle
          else low = middle + 1
        }
        return low
      }
    },
  },
}

const count = (array: SqlArray): number => array.elements.length
const onlyFirst = <T>(array: SqlArray, dimension: number, answer: () => T): T | null =>
  dimension === 1 && count(array) > 0 ? answer() : null

const shapes: Functions = {
  array_append: (_context, array: SqlArray | null, value: Value) => append(array, value),
  array_prepend: (_context, value: Value, array: SqlArray | null) => prepend(value, array),
  array_cat: (_context, a: SqlArray | null, b: SqlArray | null) => concatenate(a, b),
  array_length: (_context, array: SqlArray, dimension: number) => onlyFirst(array, dimension, () => count(array)),
  array_lower: (_context, array: SqlArray, dimension: number) => onlyFirst(array, dimension, () => array.lowerBound),
  array_upper: (_context, array: SqlArray, dimension: number) =>
    onlyFirst(array, dimension, () => array.lowerBound + count(array) - 1),
  array_ndims: (_context, array: SqlArray) => (count(array) === 0 ? null : 1),
  array_dims: (_context, array: SqlArray) =>
    count(array) === 0 ? null : `[${array.lowerBound}:${array.lowerBound + count(array) - 1}]`,
  array_cardinality: (_context, array: SqlArray) => count(array),
  trim_array: (_context, array: SqlArray, cut: number) => {
    if (cut < 0 || cut > count(array)) {
      throw new SqlError('2202E', `number of elements to trim must be between 0 and ${count(array)}`)
    }
    return make(array.elements.slice(0, count(array) - cut))
  },
  array_fill: (_context, value: Value, sizes: SqlArray | null) => fill(value, sizes, undefined),
  array_fill_with_lower_bounds: (_context, value: Value, sizes: SqlArray | null, bounds: SqlArray | null) => {
    if (bounds === null) throw nullDimensions()
    return fill(value, sizes, bounds)
  },
  array_shuffle: (context: FunctionContext, array: SqlArray) => make(shuffled(context, array, count(array)), array.lowerBound),
  array_sample: (context: FunctionContext, array: SqlArray, size: number) => {
    if (size < 0 || size > count(array)) throw new SqlError('22023', `sample size must be between 0 and ${count(array)}`)
    return make(shuffled(context, array, size))
  },
}

const nullDimensions = (): SqlError => new SqlError('22004', 'dimension array or low bound array cannot be null')

function fill(value: Value, sizes: SqlArray | null, bounds: SqlArray | undefined): SqlArray {
  if (sizes === null) throw nullDimensions()
  if (bounds !== undefined && count(bounds) !== count(sizes)) {
    throw new SqlError('2202E', 'wrong number of array subscripts', {
      detail: 'Low bound array has different size than dimensions array.',
    })
  }
  if (count(sizes) === 0) return emptyArray
  if (sizes.elements.includes(null) || bounds?.elements.includes(null)) {
    throw new SqlError('22004', 'dimension values cannot be null')
  }
  if (count(sizes) > 1) throw unsupported('multidimensional array')
  const size = sizes.elements[0] as number
  if (size < 0 || size > arrayElementsMax) {
    throw new SqlError('54000', `array size exceeds the maximum allowed (${arrayElementsMax})`)
  }
  return make(new Array<Value>(size).fill(value), (bounds?.elements[0] ?? 1) as number)
}

/** The first `size` of a Fisher-Yates shuffle. */
function shuffled(context: FunctionContext, array: SqlArray, size: number): Value[] {
  const items = [...array.elements]
  for (let i = 0; i < size; i++) {
    const j = i + Math.floor(context.random() * (items.length - i))
    const item = items[i] as Value
    items[i] = items[j] as Value
    items[j] = item
  }
  return items.slice(0, size)
}

const sets: Record<string, SetFunction> = {
  array_unnest: (_context, array: SqlArray) => array.elements,
  generate_subscripts_nodir: (_context, array: SqlArray, dimension: number) => subscripts(array, dimension, false),
  generate_subscripts: (_context, array: SqlArray, dimension: number, reverse: boolean) => subscripts(array, dimension, reverse),
}

function* subscripts(array: SqlArray, dimension: number, reverse: boolean): Generator<number> {
  if (dimension !== 1) return
  const size = count(array)
  for (let i = 0; i < size; i++) yield array.lowerBound + (reverse ? size - 1 - i : i)
}

/** The registry's own type forgets the state's. */
const aggregates: Record<string, AggregateFunction> = {
  'array_agg(anynonarray)': {
    skipNulls: false,
    start: (() => []) as unknown as AggregateFunction['start'],
    add: ((_context: FunctionContext, state: Value[], value: Value) => {
      state.push(value)
      return state
    }) as unknown as AggregateFunction['add'],
    finish: ((_context: FunctionContext, state: Value[]) =>
      state.length === 0 ? null : make(state.slice())) as unknown as AggregateFunction['finish'],
  },
  'array_agg(anyarray)': {
    skipNulls: false,
    start: () => {
      throw unsupported('multidimensional array')
    },
    add: (() => null) as unknown as AggregateFunction['add'],
    finish: () => null,
  },
  'max(anyarray)': extreme((order) => order >= 0),
  'min(anyarray)': extreme((order) => order <= 0),
}

interface Extreme {
  readonly compare: (a: SqlArray, b: SqlArray) => number
  best: SqlArray | null
}

function extreme(keeps: (order: number) => boolean): AggregateFunction {
  return {
    skipNulls: true,
    start: ((types: CallTypes): Extreme => {
      const element = elementType(types)
      compareOf(element)
      return { compare: arrayType(element).compare as Extreme['compare'], best: null }
    }) as unknown as AggregateFunction['start'],
    add: ((_context: FunctionContext, state: Extreme, value: SqlArray) => {
      if (state.best === null || !keeps(state.compare(state.best, value))) state.best = value
      return state
    }) as unknown as AggregateFunction['add'],
    finish: ((_context: FunctionContext, state: Extreme) => state.best) as unknown as AggregateFunction['finish'],
  }
}

const texts: Functions = {
  array_to_text: {
    specialize: (types) => {
      const show = arrayText(elementType(types))
      return (context: FunctionContext, array: SqlArray, separator: string) => show(context, array, separator, null)
    },
  },
  array_to_text_null: {
    specialize: (types) => {
      const show = arrayText(elementType(types))
      return (context: FunctionContext, array: SqlArray | null, separator: string | null, nullText: string | null) =>
        array === null || separator === null ? null : show(context, array, separator, nullText)
    },
  },
  text_to_array: (_context, text: string | null, separator: string | null) => textToArray(text, separator, null),
  text_to_array_null: (_context, text: string | null, separator: string | null, nullText: string | null) =>
    textToArray(text, separator, nullText),
}

export const arrayFunctions: Implementations = {
  scalar: { ...comparisons, ...containments, ...searches, ...shapes, ...texts },
  set: {
    ...sets,
    text_to_table: (_context, text: string | null, separator: string | null) =>
      textToArray(text, separator, null)?.elements ?? [],
    text_to_table_null: (_context, text: string | null, separator: string | null, nullText: string | null) =>
      textToArray(text, separator, nullText)?.elements ?? [],
  },
  aggregate: aggregates,
}
