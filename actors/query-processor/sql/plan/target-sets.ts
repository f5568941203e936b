import type { Expr, RelationId } from '../bind/bound.ts'
import { sameExpr } from '../bind/same-expr.ts'
import { children, some } from '../bind/walk.ts'
import type { TypeRef } from '../catalog/schema.ts'
import type { Node } from './node.ts'
import { columnExpr, outputLayout, type Planning } from './planning.ts'
import { rewrite } from './walk.ts'

export const columnOfOutput = (relation: RelationId, column: number, type: TypeRef): Expr => ({
  kind: 'column',
  type,
  relation,
  column,
})

type Call = Extract<Expr, { kind: 'call' }>
const isSet = (expr: Expr): expr is Call => expr.kind === 'call' && expr.returnsSet

/** Targets with set-returning calls: the innermost sets first, all of one depth in step, plain computation on top. */
export function projectSets(planning: Planning, input: Node, targets: readonly Expr[], output: RelationId): Node {
  let node = input
  let exprs = [...targets]
  for (;;) {
    const innermost: Call[] = []
    const visit = (expr: Expr): void => {
      if (isSet(expr) && !children(expr).some((argument) => some(argument, isSet))) {
        if (!innermost.some((other) => sameExpr(other, expr))) innermost.push(expr)
      } else children(expr).forEach(visit)
    }
    exprs.forEach(visit)
    const layout = outputLayout(
      output,
      exprs.map((expr) => expr.type),
    )
    if (innermost.length === 0) return { kind: 'project', input: node, exprs, layout, rows: node.rows }
    const rows = node.rows * 10
    if (exprs.every((expr) => !some(expr, isSet) || innermost.includes(expr as Call))) {
      return { kind: 'projectSet', input: node, exprs, layout, rows }
    }
    const relation = planning.newRelation('sets', innermost)
    node = {
      kind: 'projectSet',
      input: node,
      exprs: [...node.layout.map(columnExpr), ...innermost],
      layout: [
        ...node.layout,
        ...outputLayout(
          relation,
          innermost.map((call) => call.type),
        ),
      ],
      rows,
    }
    exprs = exprs.map((expr) =>
      rewrite(expr, (part) => {
        const place = innermost.findIndex((call) => sameExpr(call, part))
        return place < 0 ? undefined : columnOfOutput(relation, place, part.type)
      }),
    )
  }
}
