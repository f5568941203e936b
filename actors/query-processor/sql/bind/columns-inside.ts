import type { Expr } from './bound.ts'

/** Column references anywhere in an expression or a query, at whatever depth. */
export function columnsInside(node: unknown, found: (Expr & { kind: 'column' })[] = []): (Expr & { kind: 'column' })[] {
  if (Array.isArray(node)) for (const item of node) columnsInside(item, found)
  else if (typeof node === 'object' && node !== null && Object.getPrototypeOf(node) === Object.prototype) {
    const fields = node as Readonly<Record<string, unknown>>
    if (fields.kind === 'column' && typeof fields.relation === 'number') found.push(node as Expr & { kind: 'column' })
    else if (fields.kind === 'wholeRow') {
      const row = node as Expr & { kind: 'wholeRow' }
      row.columns.forEach((column, i) => {
        found.push({ kind: 'column', type: row.type.fields![i]!.type, relation: row.relation, column })
      })
    } else for (const key of Object.keys(fields)) if (!notQueries.has(key)) columnsInside(fields[key], found)
  }
  return found
}

const notQueries = new Set(['table', 'view', 'sequence', 'type', 'columns', 'arbiters'])
