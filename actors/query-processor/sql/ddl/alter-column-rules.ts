import { SqlError } from '../../../../protocol/errors.ts'
import type { Column, Table } from '../catalog/schema.ts'
import { int4Oid, int8Oid } from '../functions/builtin-types.ts'
import { undefinedColumnOf } from './alter-column.ts'
import type { Alteration } from './alteration.ts'
import { withoutDefault } from './drop.ts'
import { storedDefault } from './expressions.ts'
import type { AlterTableCmd, DdlNode } from './parse-tree.ts'
import { addOwnedSequence, changeSequence } from './sequence.ts'

/** ALTER COLUMN: defaults, NOT NULL and identity. */

function columnOf(alteration: Alteration, command: AlterTableCmd): Column {
  const name = command.name ?? ''
  const column = alteration.column(name)
  if (column === undefined) throw undefinedColumnOf(alteration.table, name)
  return column
}

const of = (column: Column, table: Table): string => `column "${column.name}" of relation "${table.name}"`

export function setDefault(alteration: Alteration, command: AlterTableCmd): void {
  const column = columnOf(alteration, command)
  if (column.identity !== undefined) {
    throw new SqlError('42601', `${of(column, alteration.table)} is an identity column`, {
      ...(command.def === undefined && { hint: 'Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.' }),
    })
  }
  // A serial's sequence still goes with its column; the column just does not draw from it any more.
  const bare = withoutDefault(column)
  const expression = command.def === undefined ? undefined : storedDefault(alteration.work.unplaced(), command.def, bare)
  alteration.putColumn(expression === undefined ? bare : { ...bare, default: expression })
  for (const oid of expression?.dependsOn ?? []) alteration.work.draft.needRelation(oid)
}

export function setNotNull(alteration: Alteration, command: AlterTableCmd): void {
  const column = columnOf(alteration, command)
  if (column.notNull) return
  alteration.putColumn({ ...column, notNull: true })
  alteration.notNull.add(column.attnum - 1)
}

export function dropNotNull(alteration: Alteration, command: AlterTableCmd): void {
  const column = columnOf(alteration, command)
  if (column.identity !== undefined) throw new SqlError('42601', `${of(column, alteration.table)} is an identity column`)
  if (alteration.table.primaryKey?.columns.some(({ attnum }) => attnum === column.attnum) === true) {
    throw new SqlError('42P16', `column "${column.name}" is in a primary key`)
  }
  alteration.putColumn({ ...column, notNull: false })
}

/* ---------------------------------------------------------------- identity */

export async function addIdentity(alteration: Alteration, command: AlterTableCmd): Promise<void> {
  const column = columnOf(alteration, command)
  const what = of(column, alteration.table)
  const constraint = command.def?.Constraint
  if (![21, int4Oid, int8Oid].includes(column.type.oid)) {
    throw new SqlError('22023', 'identity column type must be smallint, integer, or bigint')
  }
  if (column.identity !== undefined) throw new SqlError('55000', `${what} is already an identity column`)
  if (column.default !== undefined) throw new SqlError('55000', `${what} already has a default value`)
  if (!column.notNull) throw new SqlError('55000', `${what} must be declared NOT NULL before identity can be added`)
  await addOwnedSequence(alteration.work, alteration.oid, {
    attnum: column.attnum,
    identity: constraint?.generated_when === 'a' ? 'always' : 'by default',
    options: constraint?.options ?? [],
  })
}

export async function setIdentity(alteration: Alteration, command: AlterTableCmd): Promise<void> {
  const column = columnOf(alteration, command)
  if (column.identity === undefined || column.sequenceOid === undefined) {
    throw new SqlError('55000', `${of(column, alteration.table)} is not an identity column`)
  }
  const options: DdlNode[] = []
  for (const node of (command.def?.List?.items ?? []) as readonly DdlNode[]) {
    if (node.DefElem?.defname === 'generated') {
      const isAlways = node.DefElem.arg?.Integer?.ival === 'a'.charCodeAt(0)
      alteration.putColumn({ ...column, identity: isAlways ? 'always' : 'by default' })
    } else options.push(node)
  }
  const sequence = alteration.work.draft.relationByOid(column.sequenceOid)
  if (options.length > 0 && sequence?.kind === 'sequence') await changeSequence(alteration.work, sequence, options)
}

export function dropIdentity(alteration: Alteration, command: AlterTableCmd): void {
  const column = columnOf(alteration, command)
  if (column.identity === undefined) {
    const message = `${of(column, alteration.table)} is not an identity column`
    if (command.missing_ok !== true) throw new SqlError('55000', message)
    alteration.work.notice(`${message}, skipping`)
    return
  }
  const { identity: _, sequenceOid, ...rest } = column
  alteration.putColumn(rest)
  if (sequenceOid !== undefined) alteration.work.draft.remove(sequenceOid)
}
