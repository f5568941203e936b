import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { type SqlArray, SqlRow, type Value } from '../../../../protocol/values/value.ts'
import { constraintDefinition, expressionText, findConstraint, indexDefinition, viewDefinition } from '../catalog/definitions.ts'
import { quoteIdentifier, quoteLiteral } from '../catalog/quote.ts'
import { findVisible, qualifiedName } from '../catalog/stored-text.ts'
import { classOids, roleName } from '../catalog/system/record.ts'
import { staticRows } from '../catalog/system/static-rows.ts'
import { findBuiltinType } from './builtin-types.ts'
import { formatType, identifierValue, regclassOid } from './catalog-names.ts'
import { parseIdent } from './parse-ident.ts'
import { type Procedure, procedureByOid } from './procedures.ts'
import type { FunctionContext, Implementations } from './registry.ts'

/** pg_get_*def and the descriptions: what psql's \d asks for. */

/** The references that pg_attrdef, pg_constraint and pg_proc hold in place of node trees. */
function expressionOf(context: FunctionContext, reference: string, pretty: boolean): string | null {
  const [, kind, first, second] = /^\{(\w+) (\d+)(?: (\d+))?\}$/.exec(reference) ?? []
  const oid = Number(first)
  if (kind === 'DEFAULT') {
    const relation = context.catalog.relationByOid(oid)
    const column = relation === undefined || relation.kind === 'sequence' ? undefined : relation.columns[Number(second) - 1]
    return column?.default === undefined ? null : expressionText(context, column.default, pretty)
  }
  if (kind === 'CHECK') {
    const found = findConstraint(context.catalog, oid)
    if (found?.kind !== 'check') return null
    const text = expressionText(context, found.check.expression, pretty)
    return text
  }
  if (kind === 'DEFAULTS') return procedureByOid(oid)?.defaults.map(String).join(', ') ?? null
  return null
}

function indexText(context: FunctionContext, oid: Oid, column: number, visible: boolean): string | null {
  const index = context.catalog.indexByOid(oid)
  return index === undefined ? null : indexDefinition(context, index, column, visible)
}

function constraintText(context: FunctionContext, oid: Oid, pretty: boolean): string | null {
  const found = findConstraint(context.catalog, oid)
  return found === undefined ? null : constraintDefinition(context, found, pretty)
}

function viewText(context: FunctionContext, oid: Oid, pretty: boolean): string | null {
  const view = context.catalog.relationByOid(oid)
  return view?.kind === 'view' ? viewDefinition(context, view, pretty) : null
}

const viewNamed = (context: FunctionContext, name: string): Oid => identifierValue(context, regclassOid, name)

function serialSequence(context: FunctionContext, tableName: string, columnName: string): string | null {
  const oid = identifierValue(context, regclassOid, tableName)
  const table = context.catalog.relationByOid(oid)
  const columns = table === undefined || table.kind === 'sequence' ? [] : table.columns
  const column = columns.find((one) => one.name === columnName && !one.dropped)
  if (column === undefined) {
    throw new SqlError('42703', `column "${columnName}" of relation "${table?.name ?? tableName}" does not exist`)
  }
  for (const sequence of context.catalog.relations()) {
    if (sequence.kind !== 'sequence') continue
    const { ownedBy } = sequence
    if (ownedBy?.tableOid === oid && ownedBy.attnum === column.attnum) return qualifiedName(context.catalog, sequence.oid)
  }
  return null
}

/* ---------------------------------------------------------------- comments */

function relationComment(context: FunctionContext, oid: Oid): string | undefined {
  return (context.catalog.relationByOid(oid) ?? context.catalog.indexByOid(oid))?.comment
}

function constraintComment(context: FunctionContext, oid: Oid): string | undefined {
  const found = findConstraint(context.catalog, oid)
  return found?.kind === 'check' ? found.check.comment : found?.index.constraintComment
}

let builtinComments: ReadonlyMap<string, string> | undefined

function builtinComment(classOid: Oid, oid: Oid): string | null {
  builtinComments ??= new Map(
    staticRows('pg_description').map((row) => [`${row.classoid}.${row.objoid}.${row.objsubid}`, row.description as string]),
  )
  return builtinComments.get(`${classOid}.${oid}.0`) ?? null
}

/** obj_description(oid [, catalog]) */
function objectComment(context: FunctionContext, oid: Oid, catalogName: string | undefined): string | null {
  switch (catalogName) {
    case 'pg_class':
      return relationComment(context, oid) ?? null
    case 'pg_namespace':
      return context.catalog.schemaByOid(oid)?.comment ?? null
    case 'pg_constraint':
      return constraintComment(context, oid) ?? null
    case undefined:
      return relationComment(context, oid) ?? constraintComment(context, oid) ?? builtinComment(classOids.pg_type, oid)
    default: {
      const classOid = classOids[catalogName as keyof typeof classOids]
      return classOid === undefined ? null : builtinComment(classOid, oid)
    }
  }
}

function columnComment(context: FunctionContext, oid: Oid, attnum: number): string | null {
  const relation = context.catalog.relationByOid(oid)
  return relation === undefined || relation.kind === 'sequence' ? null : (relation.columns[attnum - 1]?.comment ?? null)
}

/* ---------------------------------------------------------------- functions */

const typeText = (oid: Oid): string => findBuiltinType(oid)?.displayName ?? '???'

function argumentText(procedure: Procedure, withDefaults: boolean): string {
  const types = procedure.allArguments ?? procedure.arguments
  const modes = procedure.argumentModes
  const firstDefault = procedure.arguments.length - procedure.defaults.length
  let input = -1
  const texts = types.map((type, i) => {
    const mode = modes?.[i] ?? 'i'
    if (mode === 't') return undefined
    if (mode !== 'o') input++
    if (mode === 'o' && !withDefaults) return undefined
    const name = procedure.allArgumentNames?.[i] ?? ''
    const prefix = { o: 'OUT ', b: 'INOUT ', v: 'VARIADIC ' }[mode] ?? ''
    const value = mode === 'o' || input < firstDefault ? undefined : procedure.defaults[input - firstDefault]
    const fallback = value === undefined || !withDefaults ? '' : ` DEFAULT ${value === null ? 'NULL' : defaultText(type, value)}`
    return `${prefix}${name === '' ? '' : `${quoteIdentifier(name)} `}${typeText(type)}${fallback}`
  })
  return texts.filter((one) => one !== undefined).join(', ')
}

const defaultText = (type: Oid, value: string): string =>
  type === 16 ? (value === 't' ? 'true' : 'false') : type === 23 ? value : `${quoteLiteral(value)}::${typeText(type)}`

function resultText(procedure: Procedure): string | null {
  if (procedure.kind === 'procedure') return null
  const modes = procedure.argumentModes ?? ''
  if (modes.includes('t')) {
    const columns = (procedure.allArguments ?? []).flatMap((type, i) =>
      modes[i] === 't' ? [`${quoteIdentifier(procedure.allArgumentNames?.[i] ?? '')} ${typeText(type)}`] : [],
    )
    return `TABLE(${columns.join(', ')})`
  }
  return `${procedure.returnsSet ? 'SETOF ' : ''}${typeText(procedure.result)}`
}

const ofProcedure = (oid: Oid, text: (procedure: Procedure) => string | null): string | null => {
  const procedure = procedureByOid(oid)
  return procedure === undefined ? null : text(procedure)
}

function isVisibleRelation(context: FunctionContext, oid: Oid): boolean | null {
  const named = context.catalog.relationByOid(oid) ?? context.catalog.indexByOid(oid)
  return named === undefined ? null : findVisible(context.catalog, named.name, context.searchPath)?.oid === oid
}

/** What is built in lies in pg_catalog, which is always searched. */
const builtinVisible =
  (isThere: (oid: Oid) => boolean) =>
  (_context: FunctionContext, oid: Oid): Value =>
    isThere(oid) ? true : null

/** pg_collation_for: the default collation of a type that has one. */
function collationName(type: Oid): string | null {
  const known = findBuiltinType(type)
  if (known !== undefined && known.collation === 0) {
    throw new SqlError('42804', `collations are not supported by type ${known.displayName}`)
  }
  return '"default"'
}

const nothing = (): Value => null
const inStatic = (catalog: string) => (oid: Oid) => staticRows(catalog).some((row) => row.oid === oid)

/** information_schema's helper, which JDBC uses: the elements of an array with their places. */
function* expandArray(_context: FunctionContext, list: SqlArray): Iterable<Value> {
  for (const [i, element] of list.elements.entries()) yield new SqlRow([element, i + 1])
}

export const catalogDefinitionFunctions: Implementations = {
  set: { _pg_expandarray: expandArray },
  scalar: {
    format_type: (_context, oid: Oid | null, typmod: number | null) => (oid === null ? null : formatType(oid, typmod)),
    pg_get_expr: (context, reference: string, _relation: Oid) => expressionOf(context, reference, false),
    pg_get_expr_ext: (context, reference: string, _relation: Oid, pretty: boolean) => expressionOf(context, reference, pretty),
    pg_get_indexdef: (context, oid: Oid) => indexText(context, oid, 0, false),
    pg_get_indexdef_ext: (context, oid: Oid, column: number, pretty: boolean) => indexText(context, oid, column, pretty),
    pg_get_constraintdef: (context, oid: Oid) => constraintText(context, oid, false),
    pg_get_constraintdef_ext: (context, oid: Oid, pretty: boolean) => constraintText(context, oid, pretty),
    pg_get_viewdef: (context, oid: Oid) => viewText(context, oid, false),
    pg_get_viewdef_ext: (context, oid: Oid, pretty: boolean) => viewText(context, oid, pretty),
    pg_get_viewdef_wrap: (context, oid: Oid, _width: number) => viewText(context, oid, true),
    pg_get_viewdef_name: (context, name: string) => viewText(context, viewNamed(context, name), false),
    pg_get_viewdef_name_ext: (context, name: string, pretty: boolean) => viewText(context, viewNamed(context, name), pretty),
    pg_get_serial_sequence: (context, table: string, column: string) => serialSequence(context, table, column),
    pg_get_userbyid: (context, oid: Oid) => roleName(context, oid) ?? `unknown (OID=${oid})`,
    pg_get_function_arguments: (_context, oid: Oid) => ofProcedure(oid, (procedure) => argumentText(procedure, true)),
    pg_get_function_identity_arguments: (_context, oid: Oid) => ofProcedure(oid, (procedure) => argumentText(procedure, false)),
    pg_get_function_result: (_context, oid: Oid) => ofProcedure(oid, resultText),
    pg_get_function_arg_default: nothing,
    pg_get_function_sqlbody: nothing,
    pg_typeof: {
      specialize:
        ({ arguments: [type] }) =>
        () =>
          type?.oid ?? 0,
    },
    pg_collation_for: {
      specialize:
        ({ arguments: [type] }) =>
        () =>
          collationName(type?.oid ?? 0),
    },
    pg_get_partkeydef: nothing,
    pg_get_partition_constraintdef: nothing,
    pg_get_ruledef: nothing,
    pg_get_ruledef_ext: nothing,
    pg_get_triggerdef: nothing,
    pg_get_triggerdef_ext: nothing,
    pg_get_statisticsobjdef: nothing,
    pg_get_statisticsobjdef_columns: nothing,
    pg_get_statisticsobjdef_expressions: nothing,
    pg_get_replica_identity_index: (context, oid: Oid) => {
      const table = context.catalog.relationByOid(oid)
      return table?.kind === 'table' ? (table.primaryKey?.oid ?? null) : null
    },
    pg_table_is_visible: (context, oid: Oid) => isVisibleRelation(context, oid),
    pg_type_is_visible: builtinVisible((oid) => findBuiltinType(oid) !== undefined),
    pg_function_is_visible: builtinVisible((oid) => procedureByOid(oid) !== undefined),
    pg_operator_is_visible: builtinVisible((oid) => oid !== 0),
    pg_opclass_is_visible: builtinVisible(inStatic('pg_opclass')),
    pg_opfamily_is_visible: builtinVisible(inStatic('pg_opfamily')),
    pg_collation_is_visible: builtinVisible(inStatic('pg_collation')),
    pg_conversion_is_visible: nothing,
    pg_statistics_obj_is_visible: nothing,
    pg_ts_config_is_visible: nothing,
    pg_ts_dict_is_visible: nothing,
    pg_ts_parser_is_visible: nothing,
    pg_ts_template_is_visible: nothing,
    obj_description: (context, oid: Oid, catalogName?: string) => objectComment(context, oid, catalogName),
    col_description: (context, oid: Oid, attnum: number) => columnComment(context, oid, attnum),
    shobj_description: nothing,
    pg_index_column_has_property: nothing,
    pg_relation_is_updatable: (context, oid: Oid) => {
      const relation = context.catalog.relationByOid(oid)
      return relation?.kind === 'table' && !relation.system ? 28 : 0
    },
    pg_column_is_updatable: (context, oid: Oid) => {
      const relation = context.catalog.relationByOid(oid)
      return relation?.kind === 'table' && !relation.system
    },
    pg_relation_is_publishable: (context, oid: Oid) => {
      const relation = context.catalog.relationByOid(oid)
      return relation?.kind === 'table' && !relation.system
    },
    parse_ident: (_context, name: string, strict: boolean) => parseIdent(name, strict),
  },
}
