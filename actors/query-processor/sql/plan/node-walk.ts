import { unreachable } from '../../../../protocol/assert.ts'
import type { Expr } from '../bind/bound.ts'
import type { KeyBounds, Node, StorageFilter, TableScan } from './node.ts'

/** The nodes a node reads. */
export function inputsOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'tableScan':
    case 'storageAggregate':
    case 'systemScan':
    case 'sequenceScan':
    case 'values':
    case 'oneRow':
    case 'functionScan':
    case 'cteScan':
      return []
    case 'filter':
    case 'project':
    case 'projectSet':
    case 'aggregate':
    case 'sort':
    case 'limit':
    case 'distinct':
    case 'lockRows':
    case 'insert':
    case 'update':
    case 'delete':
      return [node.input]
    case 'nestedLoop':
    case 'hashJoin':
    case 'setOperation':
      return [node.left, node.right]
    case 'append':
      return node.inputs
    case 'with':
      return [...node.ctes.flatMap((cte) => (cte.kind === 'recursive' ? [cte.start, cte.step] : [cte.node])), node.body]
    default:
      return unreachable(node)
  }
}

const present = (exprs: readonly (Expr | undefined)[]): Expr[] => exprs.filter((expr) => expr !== undefined)

/** The expressions a node evaluates itself. */
export function exprsOfNode(node: Node): readonly Expr[] {
  switch (node.kind) {
    case 'tableScan':
      return scanExprs(node)
    case 'storageAggregate':
      return scanExprs(node.scan)
    case 'systemScan':
      return present([node.filter])
    case 'values':
      return node.valuesRows.flat()
    case 'functionScan':
      return node.calls
    case 'filter':
      return [node.condition]
    case 'project':
    case 'projectSet':
      return node.exprs
    case 'sort':
      return node.rowsMax
    case 'limit':
      return present([node.limit, node.offset])
    case 'nestedLoop':
      return present([node.condition])
    case 'hashJoin':
      return present([...node.leftKeys, ...node.rightKeys, node.condition])
    case 'insert': {
      const update = node.onConflict?.update
      return present([
        ...node.rules.checks.map((check) => check.expr),
        ...(update?.set.map(({ value }) => value) ?? []),
        update?.where,
      ])
    }
    case 'update':
      return node.rules.checks.map((check) => check.expr)
    case 'sequenceScan':
    case 'oneRow':
    case 'cteScan':
    case 'aggregate':
    case 'distinct':
    case 'lockRows':
    case 'setOperation':
    case 'append':
    case 'with':
    case 'delete':
      return []
    default:
      return unreachable(node)
  }
}

function scanExprs(scan: TableScan): Expr[] {
  return present([...boundsExprs(scan.bounds), ...filterExprs(scan.storageFilter), scan.filter, ...scan.rowsMax])
}

function boundsExprs(bounds: KeyBounds | undefined): (Expr | undefined)[] {
  if (bounds === undefined) return []
  const parts = bounds.parts.flatMap((part): readonly Expr[] => {
    if (part.kind === 'equal') return [part.value]
    if (part.kind === 'in') return part.values
    return part.kind === 'anyArray' ? [part.array] : []
  })
  const { span } = bounds
  return [...parts, span?.lower?.value, span?.upper?.value, span?.pattern]
}

function filterExprs(filter: StorageFilter | undefined): Expr[] {
  switch (filter?.kind) {
    case 'compare':
      return [filter.value]
    case 'in':
      return [...filter.values]
    case 'anyArray':
      return [filter.array]
    case 'and':
    case 'or':
      return filter.of.flatMap(filterExprs)
    default:
      return []
  }
}
