import { emptyArray } from '../../../../protocol/values/array.ts'
import type { SqlType } from '../../../../protocol/values/type.ts'
import { SqlArray } from '../../../../protocol/values/value.ts'
import type { FunctionContext } from './registry.ts'

/** array_to_string: NULLs are left out, or shown as `nullText`. */
export function arrayText(
  element: SqlType,
): (context: FunctionContext, array: SqlArray, separator: string, nullText: string | null) => string {
  return (context, array, separator, nullText) => {
    const shown: string[] = []
    for (const item of array.elements) {
      if (item !== null) shown.push(element.output(item, context.settings))
      else if (nullText !== null) shown.push(nullText)
    }
    return shown.join(separator)
  }
}

/** string_to_array: a NULL separator splits into characters, an empty one not at all. */
export function textToArray(text: string | null, separator: string | null, nullText: string | null): SqlArray | null {
  if (text === null) return null
  if (text === '') return emptyArray
  const parts = separator === null ? Array.from(text) : separator === '' ? [text] : text.split(separator)
  return new SqlArray(nullText === null ? parts : parts.map((part) => (part === nullText ? null : part)))
}
