import type { Chance } from './chance.ts'
import { aggregates, forms, literals, type Type, types } from './forms.ts'

export interface Column {
  /** As it is written in an expression. */
  readonly name: string
  readonly type: Type
}

/** What an expression may speak of. */
export interface Scope {
  readonly columns: readonly Column[]
  /** A subquery that gives one value, where there may be one. */
  readonly subquery?: (type: Type, scope: Scope) => string
  /** A condition with a subquery. */
  readonly condition?: (scope: Scope) => string
}

export const nothing: Scope = { columns: [] }

const quoted = (text: string): string =>
  text.includes('\\') ? `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`

export function literal(chance: Chance, type: Type): string {
  const text = chance.pick(literals[type])
  if (chance.percent(8)) return `null::${type}`
  const number = /^\d+(\.\d+)?$/.test(text)
  if (type === 'int4' && number) return text
  if (type === 'numeric' && text.includes('.') && number) return text
  if (type === 'bool') return text
  return `${quoted(text)}::${type}`
}

export function expression(chance: Chance, type: Type, depth: number, scope: Scope): string {
  const columns = scope.columns.filter((column) => column.type === type)
  const leaf = depth <= 0 || chance.percent(25)
  if (leaf && columns.length > 0 && chance.percent(80)) return chance.pick(columns).name
  if (leaf) return literal(chance, type)
  if (type === 'bool' && scope.condition !== undefined && chance.percent(12)) return scope.condition(scope)
  if (scope.subquery !== undefined && chance.percent(6)) return scope.subquery(type, scope)
  return filled(chance, chance.pick(forms[type]), depth - 1, scope)
}

export function aggregateTypes(): Type[] {
  return types.filter((type) => aggregates[type] !== undefined)
}

export function aggregate(chance: Chance, type: Type, depth: number, scope: Scope): string {
  const call = filled(chance, chance.pick(aggregates[type] as readonly string[]), depth, scope)
  return chance.percent(15) ? `${call} filter (where ${expression(chance, 'bool', depth, scope)})` : call
}

/** A form with an expression in the place of each `$type`. */
function filled(chance: Chance, form: string, depth: number, scope: Scope): string {
  let kept = ''
  return form.replaceAll(
    /\$(text\[\]|int4\[\]|[a-z]+[48]?)(@?)|@(?![>])/g,
    (found, type: Type | undefined, keep: string | undefined) => {
      if (type === undefined) return found === '@' && kept !== '' ? kept : found
      const made = expression(chance, type, depth, scope)
      if (keep === '@') kept = made
      return made
    },
  )
}
