import { assert } from '../../../../protocol/assert.ts'
import { SqlError } from '../../../../protocol/errors.ts'
import { bindExpression } from '../bind/bind.ts'
import type { Expr } from '../bind/bound.ts'
import type { Node } from '../bind/parse-tree.ts'
import { children } from '../bind/walk.ts'
import { typeText } from '../catalog/deparse.ts'
import { quoteIdentifier } from '../catalog/quote.ts'
import type { Column, Table, TypeRef } from '../catalog/schema.ts'
import { int4Oid, int8Oid, varcharOid } from '../functions/builtin-types.ts'
import { procedureByOid } from '../functions/procedures.ts'
import type { Alteration } from './alteration.ts'
import { columnType } from './column-type.ts'
import { addCheck, addKey, checkIndexable, checkKey, multiplePrimaryKeys } from './constraints.ts'
import { addColumnPart, addColumnParts, checkColumnName, columnsMax, type TableParts } from './create-table.ts'
import { dropObjects } from './drop.ts'
import { rowRelation, storedCheck, storedDefault } from './expressions.ts'
import { visibleName } from './names.ts'
import type { AlterTableCmd, ColumnDef } from './parse-tree.ts'
import { constantOf } from './row-work.ts'

export const undefinedColumnOf = (table: Table, name: string): SqlError =>
  new SqlError('42703', `column "${name}" of relation "${table.name}" does not exist`)

/* ---------------------------------------------------------------- ADD COLUMN */

export async function addColumn(alteration: Alteration, command: AlterTableCmd): Promise<void> {
  const { work } = alteration
  const definition = command.def?.ColumnDef
  assert(definition !== undefined, 'ADD COLUMN has a definition')
  const { table } = alteration
  if (alteration.column(definition.colname) !== undefined) {
    const message = `column "${definition.colname}" of relation "${table.name}" already exists`
    if (command.missing_ok !== true) throw new SqlError('42701', message)
    work.notice(`${message}, skipping`, '42701')
    return
  }
  checkColumnName(definition.colname)
  if (table.columns.length >= columnsMax) throw new SqlError('54011', `tables can have at most ${columnsMax} columns`)
  const parts: TableParts = {
    columns: [...table.columns],
    keys: [],
    checks: [],
    defaults: [],
    sequences: [],
    storedDefaults: [],
  }
  addColumnPart(work, table.name, parts, definition)
  alteration.put({ ...table, columns: parts.columns })
  const position = table.columns.length
  await addColumnParts(work, table.oid, parts, work.unplaced())
  await fillNewColumn(alteration, position, parts.sequences.length > 0)
  const column = alteration.table.columns[position] as Column
  if (column.notNull) alteration.notNull.add(position)
  for (const key of parts.keys) {
    checkKey(work, alteration.table, key)
    if (key.primary && alteration.table.primaryKey !== undefined) throw multiplePrimaryKeys(work.unplaced(), table.name, key)
    const index = await addKey(work, table.oid, key)
    if (index.primary) alteration.notNull.add(position)
    else alteration.indexesToFill.add(index.oid)
  }
  for (const check of parts.checks) {
    const made = await addCheck(work, table.oid, check)
    if (made.validated) alteration.checksToValidate.add(made.oid)
  }
}

/** Rows there are read the default's value as it is now; only a volatile default must be computed row by row. */
async function fillNewColumn(alteration: Alteration, position: number, isNumbered: boolean): Promise<void> {
  const { work } = alteration
  const column = alteration.table.columns[position] as Column
  if (isNumbered) {
    assert(column.sequenceOid !== undefined, 'a serial column has a sequence')
    alteration.numbered.set(position, column.sequenceOid)
    return
  }
  if (column.default === undefined) return
  const expr = bindExpression(column.default.node, work.bindScope(), {
    place: 'DEFAULT',
    column: column.name,
    type: column.type,
  })
  if (isVolatile(expr)) {
    alteration.computed.set(position, expr)
    return
  }
  const missing = await constantOf(work, expr)
  if (missing !== null) alteration.putColumn({ ...column, missing })
}

function isVolatile(expr: Expr): boolean {
  if (expr.kind === 'call' && procedureByOid(expr.procedure)?.volatility === 'v') return true
  return children(expr).some(isVolatile)
}

/* ---------------------------------------------------------------- DROP COLUMN */

export async function dropColumn(alteration: Alteration, command: AlterTableCmd): Promise<void> {
  const { work, table } = alteration
  const name = command.name ?? ''
  const column = alteration.column(name)
  if (column === undefined) {
    if (['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'].includes(name)) {
      throw new SqlError('0A000', `cannot drop system column "${name}"`)
    }
    if (command.missing_ok !== true) throw undefinedColumnOf(table, name)
    work.notice(`column "${name}" of relation "${table.name}" does not exist, skipping`)
    return
  }
  const object = { kind: 'column', tableOid: table.oid, attnum: column.attnum } as const
  await dropObjects(work, [object], command.behavior ?? 'DROP_RESTRICT')
}

/* ---------------------------------------------------------------- ALTER COLUMN TYPE */

export async function alterType(alteration: Alteration, command: AlterTableCmd): Promise<void> {
  const { work, table } = alteration
  const name = command.name ?? ''
  const definition = command.def?.ColumnDef as ColumnDef
  const column = alteration.column(name)
  if (column === undefined) throw undefinedColumnOf(table, name)
  const type = withoutPosition(() => columnType(work, name, definition.typeName))
  if (alteration.storedTypes.has(column.attnum - 1)) {
    throw new SqlError('0A000', `cannot alter type of column "${name}" twice`)
  }
  refuseViews(alteration, column)
  const isFree = definition.raw_default === undefined && isRelabeling(column.type, type)
  if (!isFree) {
    alteration.computed.set(column.attnum - 1, boundUsing(alteration, column, type, definition.raw_default))
    alteration.storedTypes.set(column.attnum - 1, column.type)
  }
  const { missing, ...rest } = column
  alteration.putColumn({ ...rest, type, ...(isFree && missing !== undefined && { missing }) })
  rebindDefault(alteration, column.attnum, type)
  rebindChecks(alteration, column.attnum)
  await retypeSequence(alteration, column, type)
  for (const index of [table.primaryKey, ...table.indexes]) {
    if (index?.columns.some(({ attnum }) => attnum === column.attnum) !== true) continue
    checkIndexable(index.columns.map(({ attnum }) => alteration.table.columns[attnum - 1] as Column))
  }
}

/** PostgreSQL looks the type of ALTER COLUMN TYPE up, and binds its checks again, without telling where they stand. */
function withoutPosition<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    const { position: _, ...fields } = error.fields
    throw new SqlError(error.code, error.message, fields)
  }
}

/** varchar(10) to varchar(20): every stored value is one of the new type already. */
function isRelabeling(from: TypeRef, to: TypeRef): boolean {
  if (from.oid !== to.oid) return false
  if (from.typmod === to.typmod || to.typmod === -1) return true
  return from.oid === varcharOid && from.typmod !== -1 && to.typmod >= from.typmod
}

function refuseViews(alteration: Alteration, column: Column): void {
  const { work, oid } = alteration
  for (const view of work.draft.stored()) {
    if (view.kind !== 'view') continue
    if (view.dependsOnColumns?.some((one) => one.tableOid === oid && one.attnum === column.attnum) !== true) continue
    throw new SqlError('0A000', 'cannot alter type of a column used by a view or rule', {
      detail: `rule _RETURN on view ${visibleName(work, view)} depends on column "${column.name}"`,
    })
  }
}

/** USING reads the row as it was; without it the column itself is cast as an assignment would. */
function boundUsing(alteration: Alteration, column: Column, type: TypeRef, using: Node | undefined): Expr {
  const { work, before } = alteration
  const own: Node = { ColumnRef: { fields: [{ String: { sval: column.name } }] } }
  const kind = { place: 'generation expression', table: before, relation: rowRelation, column: column.name, type } as const
  try {
    return bindExpression(using ?? own, work.bindScope(), kind)
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    throw usingError(error, column, type, using !== undefined)
  }
}

function usingError(error: SqlError, column: Column, type: TypeRef, isUsing: boolean): SqlError {
  const target = typeText({ ...type, typmod: -1 })
  if (error.code === '42804' && error.message.includes('generation expression')) {
    return isUsing
      ? new SqlError(
          '42804',
          `result of USING clause for column "${column.name}" cannot be cast automatically to type ${target}`,
          {
            hint: 'You might need to add an explicit cast.',
          },
        )
      : new SqlError('42804', `column "${column.name}" cannot be cast automatically to type ${target}`, {
          hint: `You might need to specify "USING ${quoteIdentifier(column.name)}::${typeText(type)}".`,
        })
  }
  const message = error.message.replace('column generation expression', 'transform expression')
  return new SqlError(error.code, message.replace('generation expressions', 'transform expressions'), error.fields)
}

function rebindDefault(alteration: Alteration, attnum: number, type: TypeRef): void {
  const column = alteration.table.columns[attnum - 1] as Column
  if (column.default === undefined || column.sequenceOid !== undefined) return
  try {
    const expression = storedDefault(alteration.work.unplaced(), column.default.node as Node, column)
    if (expression !== undefined) alteration.putColumn({ ...column, default: expression })
  } catch (error) {
    if (!(error instanceof SqlError) || error.code !== '42804') throw error
    const message = `default for column "${column.name}" cannot be cast automatically to type ${typeText(type)}`
    throw new SqlError('42804', message)
  }
}

/** A CHECK that reads the column is bound again with its new type, and holds for every row again. */
function rebindChecks(alteration: Alteration, attnum: number): void {
  const { table } = alteration
  const checks = table.checks.map((check) => {
    if (check.columns?.includes(attnum) !== true) return check
    alteration.checksToValidate.add(check.oid)
    // Its text is not what the client has just written: positions in it would mislead.
    const { expression } = withoutPosition(() => storedCheck(alteration.work, table, check.expression.node as Node))
    return { ...check, expression }
  })
  alteration.put({ ...table, checks })
}

/** The sequence of an identity column has its type. */
async function retypeSequence(alteration: Alteration, column: Column, type: TypeRef): Promise<void> {
  if (column.identity === undefined || column.sequenceOid === undefined) return
  const { draft } = alteration.work
  const sequence = draft.relationByOid(column.sequenceOid)
  if (sequence?.kind !== 'sequence') return
  if (![21, int4Oid, int8Oid].includes(type.oid)) {
    throw new SqlError('22023', 'identity column type must be smallint, integer, or bigint')
  }
  const maxima = new Map([
    [21, 32_767n],
    [int4Oid, 2_147_483_647n],
    [int8Oid, 9_223_372_036_854_775_807n],
  ])
  const isOwnMax = sequence.max === maxima.get(sequence.type.oid)
  const max = isOwnMax ? (maxima.get(type.oid) as bigint) : sequence.max
  draft.put({ ...sequence, type: { oid: type.oid, typmod: -1 }, max })
}
