/** Quint's values in JavaScript: numbers, strings, booleans, arrays for lists and tuples, records, sets and maps. All of them immutable. */

/** Fields in the order of their names, so that equal records have equal keys. */
export interface QuintRecord {
  /** Cached; not a field. */
  $key?: string | undefined
  readonly [field: string]: Value | undefined
}

export type Value = number | string | boolean | readonly Value[] | QuintSet | QuintMap | QuintRecord

/** Says which value it is: equal values have equal keys. */
export function keyOf(value: Value): string {
  switch (typeof value) {
    case 'number':
      return String(value)
    case 'string':
      return `'${value}`
    case 'boolean':
      return value ? 't' : 'f'
  }
  if (value instanceof QuintSet || value instanceof QuintMap) return value.key
  if (isList(value)) {
    let key = '['
    for (const one of value) key += `${keyOf(one)},`
    return `${key}]`
  }
  if (value.$key !== undefined) return value.$key
  let key = '{'
  for (const field in value) if (field !== '$key') key += `${keyOf(value[field] as Value)},`
  return (value.$key = `${key}}`)
}

const isList = (value: Value): value is readonly Value[] => Array.isArray(value)

export const equal = (a: Value, b: Value): boolean => a === b || (typeof a === 'object' && keyOf(a) === keyOf(b))

export class QuintSet {
  readonly values: readonly Value[]
  readonly key: string
  private readonly keys: readonly string[]

  constructor(values: readonly Value[]) {
    const byKey = new Map<string, Value>()
    for (const value of values) byKey.set(keyOf(value), value)
    this.keys = [...byKey.keys()].sort()
    this.values = this.keys.map((key) => byKey.get(key) as Value)
    this.key = `<${this.keys.join(',')}>`
  }

  has(value: Value): boolean {
    return this.keys.includes(keyOf(value))
  }

  union(other: QuintSet): QuintSet {
    if (other.values.length === 0) return this
    return this.values.length === 0 ? other : new QuintSet([...this.values, ...other.values])
  }
}

export class QuintMap {
  readonly key: string
  private readonly entries: ReadonlyMap<string, readonly [Value, Value]>

  constructor(entries: readonly (readonly [Value, Value])[]) {
    const byKey = new Map<string, readonly [Value, Value]>()
    for (const entry of entries) byKey.set(keyOf(entry[0]), entry)
    const keys = [...byKey.keys()].sort()
    this.entries = byKey
    this.key = `(${keys.map((key) => `${key}:${keyOf((byKey.get(key) as readonly [Value, Value])[1])}`).join(',')})`
  }

  get(from: Value): Value {
    const found = this.entries.get(keyOf(from))
    if (found === undefined) throw new Error(`the specification looks for ${keyOf(from)} in ${this.key}`)
    return found[1]
  }

  domain(): QuintSet {
    return new QuintSet([...this.entries.values()].map(([from]) => from))
  }

  with(from: Value, to: Value): QuintMap {
    return new QuintMap([...this.entries.values(), [from, to]])
  }
}

/** As a reader wants to see it. */
export function shown(value: Value): string {
  if (typeof value !== 'object') return String(value)
  if (value instanceof QuintSet) return `{${value.values.map(shown).join(', ')}}`
  if (value instanceof QuintMap) return value.key
  if (isList(value)) return `[${value.map(shown).join(', ')}]`
  const fields = Object.entries(value).filter(([field]) => field !== '$key')
  return `{ ${fields.map(([field, one]) => `${field}: ${shown(one as Value)}`).join(', ')} }`
}
