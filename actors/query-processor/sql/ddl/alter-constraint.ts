import { assert } from '../../../../protocol/assert.ts'
import { SqlError } from '../../../../protocol/errors.ts'
import type { Index } from '../catalog/schema.ts'
import { indexesOf } from '../catalog/snapshot.ts'
import { undefinedColumnOf } from './alter-column.ts'
import type { Alteration } from './alteration.ts'
import { addCheck, addKey, checkKey, constraintExists, multiplePrimaryKeys } from './constraints.ts'
import { checkSpecification, keySpecification, refuseConstraint } from './create-table.ts'
import type { DroppedObject } from './dependencies.ts'
import { dropObjects } from './drop.ts'
import { constraintNames, nameIsTaken, relationExists } from './names.ts'
import type { AlterTableCmd, Constraint } from './parse-tree.ts'

/** ADD, DROP and VALIDATE CONSTRAINT. */

export async function addConstraint(alteration: Alteration, command: AlterTableCmd): Promise<void> {
  const { work, oid } = alteration
  const constraint = command.def?.Constraint
  assert(constraint !== undefined, 'ADD CONSTRAINT has a constraint')
  switch (constraint.contype) {
    case 'CONSTR_CHECK': {
      const check = await addCheck(work, oid, checkSpecification(constraint))
      if (check.validated) alteration.checksToValidate.add(check.oid)
      return
    }
    case 'CONSTR_PRIMARY':
    case 'CONSTR_UNIQUE': {
      if (constraint.indexname !== undefined) {
        await adoptIndex(alteration, constraint)
        return
      }
      const key = keySpecification(work, constraint)
      const missing = key.columns.find((name) => alteration.column(name) === undefined)
      if (key.primary && missing !== undefined) throw undefinedColumnOf(alteration.table, missing)
      checkKey(work.unplaced(), alteration.table, key)
      if (key.primary && alteration.table.primaryKey !== undefined) {
        throw multiplePrimaryKeys(work.unplaced(), alteration.table.name, key)
      }
      const nullable = alteration.table.columns.filter((column) => !column.notNull)
      const index = await addKey(work, oid, key)
      if (!index.primary) alteration.indexesToFill.add(index.oid)
      else {
        const attnums = new Set(index.columns.map(({ attnum }) => attnum))
        for (const { attnum } of nullable) if (attnums.has(attnum)) alteration.notNull.add(attnum - 1)
      }
      return
    }
    default:
      refuseConstraint(work, constraint)
  }
}

/** UNIQUE USING INDEX: the constraint owns the index from now on and gives it its name. */
async function adoptIndex(alteration: Alteration, constraint: Constraint): Promise<void> {
  const { work, table } = alteration
  const { indexname: indexName = '', location } = constraint
  if (constraint.contype === 'CONSTR_PRIMARY') throw work.refuse('PRIMARY KEY USING INDEX', location)
  const index = work.draft.index(table.schemaOid, indexName)
  if (index === undefined) throw work.error('42704', `index "${indexName}" does not exist`, location)
  const wrong = (code: string, message: string): SqlError => work.error(code, message, location)
  if (index.tableOid !== table.oid) throw wrong('55000', `index "${indexName}" does not belong to table "${table.name}"`)
  if (index.constraintOid !== undefined) throw wrong('55000', `index "${indexName}" is already associated with a constraint`)
  if (index.state !== 'valid') throw wrong('55000', `index "${indexName}" is not valid`)
  if (!index.unique) {
    throw work.error('42809', `"${indexName}" is not a unique index`, location, {
      detail: 'Cannot create a primary key or unique constraint using such an index.',
    })
  }
  if (index.columns.some(({ descending, nullsFirst }) => descending || nullsFirst)) {
    throw work.error('42809', `index "${indexName}" column number 1 does not have default sorting behavior`, location, {
      detail: 'Cannot create a primary key or unique constraint using such an index.',
    })
  }
  const name = constraint.conname ?? indexName
  if (name !== indexName) {
    work.notice(`ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index "${indexName}" to "${name}"`)
    if (nameIsTaken(work.draft, table.schemaOid, name)) throw relationExists(name)
  }
  if (constraintNames(table).has(name)) throw constraintExists(name, table.name)
  const constraintOid = await work.oid()
  const own = (one: Index): Index => (one.oid === index.oid ? { ...one, name, constraintOid } : one)
  alteration.put({ ...table, indexes: table.indexes.map(own) })
}

function constraintNamed(alteration: Alteration, name: string): DroppedObject | undefined {
  const { table } = alteration
  const index = indexesOf(table).find((one) => one.constraintOid !== undefined && one.name === name)
  const oid = index?.constraintOid ?? table.checks.find((check) => check.name === name)?.oid
  return oid === undefined ? undefined : { kind: 'constraint', tableOid: table.oid, oid }
}

const undefinedConstraint = (alteration: Alteration, name: string): string =>
  `constraint "${name}" of relation "${alteration.table.name}" does not exist`

export async function dropConstraint(alteration: Alteration, command: AlterTableCmd): Promise<void> {
  const name = command.name ?? ''
  const found = constraintNamed(alteration, name)
  if (found === undefined) {
    const message = undefinedConstraint(alteration, name)
    if (command.missing_ok !== true) throw new SqlError('42704', message)
    alteration.work.notice(`${message}, skipping`)
    return
  }
  await dropObjects(alteration.work, [found], command.behavior ?? 'DROP_RESTRICT')
}

export function validateConstraint(alteration: Alteration, command: AlterTableCmd): void {
  const name = command.name ?? ''
  const { table } = alteration
  const check = table.checks.find((one) => one.name === name)
  if (check === undefined) {
    if (constraintNamed(alteration, name) === undefined) throw new SqlError('42704', undefinedConstraint(alteration, name))
    const message = `constraint "${name}" of relation "${table.name}" is not a foreign key or check constraint`
    throw new SqlError('42809', message)
  }
  if (check.validated) return
  alteration.checksToValidate.add(check.oid)
  alteration.put({ ...table, checks: table.checks.map((one) => (one === check ? { ...check, validated: true } : one)) })
}
