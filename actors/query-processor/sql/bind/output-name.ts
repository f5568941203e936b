import { type Node, nodeKind, text, texts } from './parse-tree.ts'
import type { Statement } from './scope.ts'

/** FigureColname: what an output without AS is called. */
export function figureColumnName(statement: Statement, node: Node): string {
  return figure(statement, node)?.name ?? '?column?'
}

/** strong: the name of a thing; weak: of a type or of CASE, which a better one inside would replace. */
interface Figured {
  readonly name: string
  readonly strong: boolean
}

const strong = (name: string): Figured => ({ name, strong: true })
const weak = (name: string): Figured => ({ name, strong: false })

function figure(statement: Statement, node: Node): Figured | undefined {
  switch (nodeKind(node)) {
    case 'ColumnRef': {
      const name = node.ColumnRef!.fields.findLast((field) => field.String !== undefined)
      return name === undefined ? undefined : strong(text(name))
    }
    case 'A_Indirection': {
      const name = node.A_Indirection!.indirection.findLast((step) => step.String !== undefined)
      return name === undefined ? figure(statement, node.A_Indirection!.arg) : strong(text(name))
    }
    case 'FuncCall':
      return strong(texts(node.FuncCall!.funcname).at(-1)!)
    case 'A_Expr':
      return node.A_Expr!.kind === 'AEXPR_NULLIF' ? strong('nullif') : undefined
    case 'TypeCast': {
      const inner = figure(statement, node.TypeCast!.arg)
      return inner?.strong ? inner : weak(texts(node.TypeCast!.typeName.names ?? []).at(-1) ?? '')
    }
    case 'CollateClause':
      return node.CollateClause!.arg === undefined ? undefined : figure(statement, node.CollateClause!.arg)
    case 'GroupingFunc':
      return strong('grouping')
    case 'SubLink':
      return figureSubLink(statement, node)
    case 'CaseExpr': {
      const otherwise = node.CaseExpr!.defresult
      const inner = otherwise === undefined ? undefined : figure(statement, otherwise)
      return inner?.strong ? inner : weak('case')
    }
    case 'A_ArrayExpr':
      return strong('array')
    case 'RowExpr':
      return strong('row')
    case 'CoalesceExpr':
      return strong('coalesce')
    case 'MinMaxExpr':
      return strong(node.MinMaxExpr!.op === 'IS_GREATEST' ? 'greatest' : 'least')
    case 'SQLValueFunction':
      return strong(
        node
          .SQLValueFunction!.op.replace(/^SVFOP_/, '')
          .replace(/_N$/, '')
          .toLowerCase(),
      )
    default:
      return undefined
  }
}

function figureSubLink(statement: Statement, node: Node): Figured | undefined {
  const link = node.SubLink!
  switch (link.subLinkType) {
    case 'EXISTS_SUBLINK':
      return strong('exists')
    case 'ARRAY_SUBLINK':
      return strong('array')
    case 'EXPR_SUBLINK': {
      const name = statement.subqueryNames.get(link)
      return name === undefined ? undefined : strong(name)
    }
    default:
      return undefined
  }
}
