import { assert } from '../../../../protocol/assert.ts'
import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { Table, TypeRef } from '../catalog/schema.ts'
import { findBuiltinType, unknownOid } from '../functions/builtin-types.ts'
import { stackDepthExceeded } from '../parse.ts'
import type { BoundResult, BoundStatement, Expr, RelationId } from './bound.ts'
import { coerceToBoolean, coerceToTarget, typeName } from './coerce.ts'
import { bindExpr } from './expression.ts'
import { tableItem, tableNamespace } from './from.ts'
import { bindModify } from './modify.ts'
import { resolveTypeName } from './names.ts'
import type { Node, TypeName } from './parse-tree.ts'
import { type BindScope, type Grammar, QueryScope, Statement } from './scope.ts'
import { bindQuery } from './select.ts'
import { bindDefault } from './table-rules.ts'
import { resolveUnknown } from './target-list.ts'

/**
 * From the parse tree to what it means: names looked up, types and casts settled, mistakes told as PostgreSQL tells them.
 * From: parse.ts. To: the planner, by the contract in bound.ts. Binding changes nothing and never waits.
 */
export function bind(node: unknown, scope: BindScope): BoundResult {
  const statement = newStatement(scope)
  return guarded(() => {
    const bound = bindStatement(statement, node as Node)
    const columns =
      bound.kind === 'query' ? bound.query.columns : bound.returning === undefined ? undefined : bound.returning.columns
    return { statement: bound, parameters: parameterTypes(statement), columns, relations: [...statement.relations] }
  })
}

function bindStatement(statement: Statement, node: Node): BoundStatement {
  if (node.SelectStmt === undefined) return bindModify(statement, node, undefined)
  return { kind: 'query', query: bindQuery(statement, node.SelectStmt, undefined).query }
}

function newStatement(scope: BindScope): Statement {
  for (const oid of scope.parameterTypes) {
    if (oid !== 0 && findBuiltinType(oid) === undefined) throw new SqlError('42704', `type with OID ${oid} does not exist`)
  }
  const grammar: Grammar = {
    query: (select, parent, options) => bindQuery(statement, select, parent, options),
    modify: (node, parent) => bindModify(statement, node, parent),
  }
  const statement = new Statement(scope, grammar)
  return statement
}

/** What nests deeper than the stack holds is the user's doing. */
function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof RangeError && /call stack/.test(error.message)) throw stackDepthExceeded()
    throw error
  }
}

/** Every parameter must have got a type, and the same one wherever it is used. */
function parameterTypes(statement: Statement): readonly Oid[] {
  statement.parameters.forEach((type, i) => {
    if (type !== 0 && type !== unknownOid) return
    throw new SqlError('42P18', `could not determine data type of parameter $${i + 1}`)
  })
  for (const open of statement.openParameters) {
    assert(open.kind === 'parameter', 'open parameters are parameters')
    const message = `could not determine data type of parameter $${open.index + 1}`
    throw statement.error('42P08', message, statement.locationOf(open))
  }
  return statement.parameters
}

export type ExpressionKind =
  | { readonly place: 'DEFAULT'; readonly column: string; readonly type: TypeRef }
  /** Columns of the table under `relation`. */
  | { readonly place: 'CHECK'; readonly table: Table; readonly relation: RelationId }
  | { readonly place: 'index expression'; readonly table: Table; readonly relation: RelationId }
  | {
      readonly place: 'generation expression'
      readonly table: Table
      readonly relation: RelationId
      readonly column: string
      readonly type: TypeRef
    }

/** An expression of a table's definition: no subqueries, aggregates, sets; a default without columns. A CHECK is made a boolean. */
export function bindExpression(node: unknown, scope: BindScope, kind: ExpressionKind): Expr {
  const statement = newStatement({ ...scope, parametersRefused: true })
  return guarded(() => {
    if (kind.place === 'DEFAULT') return bindDefault(statement, node as Node, kind.type, kind.column)
    const query = new QueryScope(statement, undefined)
    query.own.add(kind.relation)
    query.namespace = [tableNamespace(query, tableItem(kind.relation, kind.table), undefined)]
    const expr = bindExpr(query, node as Node, kind.place)
    if (kind.place === 'CHECK') return coerceToBoolean(statement, expr, 'CHECK')
    if (kind.place === 'index expression') return resolveUnknown(statement, expr)
    const coerced = coerceToTarget(statement, expr, kind.type, 'assignment')
    if (coerced !== undefined) return coerced
    const message = `column "${kind.column}" is of type ${typeName(kind.type.oid)} but generation expression is of type ${typeName(expr.type.oid)}`
    throw statement.error('42804', message, -1, { hint: 'You will need to rewrite or cast the expression.' })
  })
}

export interface ValueOptions {
  /** EXECUTE: what the parameter's value becomes, and the number that an error names. */
  readonly target?: { readonly type: Oid; readonly parameter: number }
}

/** An expression without columns: an argument of EXECUTE, of CALL, of a utility statement. Unknown literals become text. */
export function bindValueExpression(node: unknown, scope: BindScope, options: ValueOptions = {}): Expr {
  const statement = newStatement(scope)
  return guarded(() => {
    const query = new QueryScope(statement, undefined)
    const expr = bindExpr(query, node as Node, 'EXECUTE')
    const { target } = options
    if (target === undefined) return resolveUnknown(statement, expr)
    const coerced = coerceToTarget(statement, expr, { oid: target.type, typmod: -1 }, 'assignment')
    if (coerced !== undefined) return coerced
    const message = `parameter $${target.parameter} of type ${typeName(expr.type.oid)} cannot be coerced to the expected type ${typeName(target.type)}`
    throw statement.error('42804', message, statement.locationOf(expr), {
      hint: 'You will need to rewrite or cast the expression.',
    })
  })
}

/** The type that a TypeName node means: column definitions, PREPARE. */
export function bindTypeName(node: unknown, scope: BindScope): TypeRef {
  return resolveTypeName(newStatement(scope), node as TypeName)
}
