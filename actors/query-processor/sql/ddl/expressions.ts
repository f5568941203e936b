import { assert } from '../../../../protocol/assert.ts'
import { unsupported } from '../../../../protocol/errors.ts'
import type { Node } from '../bind/parse-tree.ts'
import type { Catalog, Column, SequenceRelation, StoredExpression, Table } from '../catalog/schema.ts'
import { qualifiedText, quotedRelationMark } from '../catalog/stored-text.ts'
import { parse } from '../parse.ts'
import type { DdlWork } from './context.ts'
import type { DdlNode } from './parse-tree.ts'

/** An expression of the catalog from its template: the node is what the qualified text parses to. */
export function storedFromTemplate(template: string, catalog: Catalog, dependsOn: readonly number[]): StoredExpression {
  const text = qualifiedText(template, catalog)
  return { node: parseExpression(text), text, template, ...(dependsOn.length > 0 && { dependsOn }) }
}

export function parseExpression(text: string): Node {
  const [statement] = parse(`SELECT (${text})`)
  const node = (statement?.node as Node | undefined)?.SelectStmt?.targetList?.[0]?.ResTarget?.val
  assert(node !== undefined, 'a deparsed expression is an expression')
  return node
}

export function nextvalDefault(work: DdlWork, sequence: SequenceRelation): StoredExpression {
  return storedFromTemplate(`nextval('${quotedRelationMark(sequence.oid)}'::regclass)`, work.draft, [sequence.oid])
}

export function storedDefault(_work: DdlWork, _node: DdlNode, _column: Column): StoredExpression | undefined {
  throw unsupported('DEFAULT')
}

export function storedCheck(
  _work: DdlWork,
  _table: Table,
  _node: DdlNode,
): { expression: StoredExpression; columns: readonly string[] } {
  throw unsupported('CHECK')
}
