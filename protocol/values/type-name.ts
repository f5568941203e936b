import type { SqlType, Typmod } from './type.ts'

/** format_type: `numeric(10,2)`, `timestamp(3) without time zone`, `character varying(20)[]`. */
export function typeName(type: SqlType, typmod: Typmod): string {
  const { displayName } = type
  const modifier = typmod < 0 ? '' : (type.formatType?.(typmod) ?? '')
  if (modifier === '') return displayName
  const array = displayName.endsWith('[]')
  const plain = array ? displayName.slice(0, -2) : displayName
  const cut = plain.indexOf(' with')
  return `${cut < 0 ? plain + modifier : plain.slice(0, cut) + modifier + plain.slice(cut)}${array ? '[]' : ''}`
}
