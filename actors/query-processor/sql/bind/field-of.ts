import type { Expr } from './bound.ts'

/** A field of a row: of a whole row simply the column. */
export function fieldOf(row: Expr, field: number): Expr {
  const { type } = row.type.fields![field]!
  if (row.kind === 'wholeRow') return { kind: 'column', type, relation: row.relation, column: row.columns[field]! }
  return row.kind === 'row' ? row.fields[field]! : { kind: 'field', type, argument: row, field }
}
