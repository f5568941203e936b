import { assert } from '../../../../protocol/assert.ts'
import { SqlError } from '../../../../protocol/errors.ts'
import { indexesOf } from '../catalog/snapshot.ts'
import type { Alteration } from './alteration.ts'
import { addCheck, addKey, checkKey, multiplePrimaryKeys } from './constraints.ts'
import { checkSpecification, keySpecification, refuseConstraint } from './create-table.ts'
import type { DroppedObject } from './dependencies.ts'
import { dropObjects } from './drop.ts'
import type { AlterTableCmd } from './parse-tree.ts'

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
      const key = keySpecification(work, constraint)
      if (key.primary && alteration.table.primaryKey !== undefined) {
        throw multiplePrimaryKeys(work, alteration.table.name, { ...key, location: -1 })
      }
      checkKey(work, alteration.table, key)
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
