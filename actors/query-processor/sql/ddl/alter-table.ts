import { SqlError } from '../../../../protocol/errors.ts'
import type { Index, Relation, Table } from '../catalog/schema.ts'
import { addColumn, alterType, dropColumn } from './alter-column.ts'
import { addIdentity, dropIdentity, dropNotNull, setDefault, setIdentity, setNotNull } from './alter-column-rules.ts'
import { addConstraint, dropConstraint, validateConstraint } from './alter-constraint.ts'
import { Alteration } from './alteration.ts'
import type { DdlWork } from './context.ts'
import { roleName } from './create-schema.ts'
import { changeOwner } from './move.ts'
import { findNamed, isIndex, kindOf, missingRelation, systemCatalog } from './names.ts'
import type { AlterTableCmd, AlterTableStmt } from './parse-tree.ts'
import { ignoreStorageOptions } from './storage-options.ts'

const objectNames: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'TABLE',
  OBJECT_VIEW: 'VIEW',
  OBJECT_SEQUENCE: 'SEQUENCE',
  OBJECT_INDEX: 'INDEX',
}

/** ALTER TABLE and its kin: every action on one relation, in PostgreSQL's passes, rows touched once at the end. */
export async function alterTable(work: DdlWork, statement: AlterTableStmt): Promise<string> {
  const { relation: name } = statement
  const tag = `ALTER ${objectNames[statement.objtype] ?? 'TABLE'}`
  const found = findNamed(work, name)
  if (found === undefined) {
    if (statement.missing_ok !== true) throw missingRelation(work, name)
    work.notice(`relation "${name.relname}" does not exist, skipping`)
    return tag
  }
  if (!isIndex(found) && found.kind === 'table' && found.system) throw systemCatalog(found.name)
  const commands = statement.cmds.map((node) => node.AlterTableCmd as AlterTableCmd)
  if (isIndex(found) || found.kind !== 'table') await alterOther(work, found, commands)
  else await alterUserTable(work, found, commands)
  return tag
}

async function alterUserTable(work: DdlWork, table: Table, commands: readonly AlterTableCmd[]): Promise<void> {
  const alteration = new Alteration(work, table)
  const ordered = commands.map((command, i) => ({ command, at: passOf(command) * 10_000 + i })).sort((a, b) => a.at - b.at)
  for (const { command } of ordered) {
    const action = actions[command.subtype]
    if (action === undefined) throw refusal(work, command)
    await action(alteration, command)
  }
  await alteration.finish()
}

/** AlterTablePass of tablecmds.c: drops come first, then types, new columns, their rules, keys, checks. */
function passOf(command: AlterTableCmd): number {
  switch (command.subtype) {
    case 'AT_DropColumn':
    case 'AT_DropConstraint':
    case 'AT_DropNotNull':
    case 'AT_DropIdentity':
      return 0
    case 'AT_ColumnDefault':
      return command.def === undefined ? 0 : 5
    case 'AT_AlterColumnType':
      return 1
    case 'AT_AddColumn':
      return 2
    case 'AT_SetNotNull':
    case 'AT_AddIdentity':
    case 'AT_SetIdentity':
      return 3
    case 'AT_AddConstraint':
      return command.def?.Constraint?.contype === 'CONSTR_CHECK' ? 5 : 4
    default:
      return 6
  }
}

type Action = (alteration: Alteration, command: AlterTableCmd) => Promise<void> | void

/** Says aloud that a setting of PostgreSQL's storage means nothing here. */
const ignored =
  (what: string): Action =>
  ({ work }) =>
    work.notice(`${what} has no effect and is ignored`)

const nothing: Action = () => undefined

const actions: Readonly<Record<string, Action>> = {
  AT_AddColumn: addColumn,
  AT_DropColumn: dropColumn,
  AT_AlterColumnType: alterType,
  AT_ColumnDefault: setDefault,
  AT_SetNotNull: setNotNull,
  AT_DropNotNull: dropNotNull,
  AT_AddIdentity: addIdentity,
  AT_SetIdentity: setIdentity,
  AT_DropIdentity: dropIdentity,
  AT_AddConstraint: addConstraint,
  AT_DropConstraint: dropConstraint,
  AT_ValidateConstraint: validateConstraint,
  AT_ChangeOwner: ({ work, oid }, command) => {
    if (command.newowner !== undefined) changeOwner(work, oid, roleName(work, command.newowner))
  },
  AT_SetRelOptions: ({ work }, command) => ignoreStorageOptions(work, command.def?.List?.items, 'table'),
  AT_ResetRelOptions: ignored('RESET of storage parameters'),
  AT_SetStatistics: ignored('SET STATISTICS'),
  AT_SetOptions: ignored('SET of column options'),
  AT_ResetOptions: ignored('RESET of column options'),
  AT_SetStorage: ignored('SET STORAGE'),
  AT_SetCompression: ignored('SET COMPRESSION'),
  AT_ClusterOn: ignored('CLUSTER ON'),
  AT_DropCluster: ignored('SET WITHOUT CLUSTER'),
  AT_SetLogged: nothing,
  AT_SetTableSpace: (_alteration, command) => {
    if (command.name !== 'pg_default') throw new SqlError('42704', `tablespace "${command.name}" does not exist`)
  },
  AT_SetAccessMethod: ignored('SET ACCESS METHOD'),
  AT_EnableTrigAll: ignored('ENABLE TRIGGER'),
  AT_DisableTrigAll: ignored('DISABLE TRIGGER'),
  AT_EnableTrigUser: ignored('ENABLE TRIGGER'),
  AT_DisableTrigUser: ignored('DISABLE TRIGGER'),
  AT_AddIndexConstraint: addConstraint,
  AT_DisableRowSecurity: nothing,
  AT_NoForceRowSecurity: nothing,
}

/** `AT_EnableRowSecurity` is ENABLE ROW SECURITY. */
function refusal(work: DdlWork, command: AlterTableCmd): SqlError {
  const words = command.subtype
    .replace(/^AT_/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase()
  return work.refuse(`ALTER TABLE ... ${words}`)
}

/** What ALTER TABLE may do to a view, sequence or index: OWNER TO. */
async function alterOther(work: DdlWork, found: Relation | Index, commands: readonly AlterTableCmd[]): Promise<void> {
  for (const command of commands) {
    if (command.subtype === 'AT_ChangeOwner' && command.newowner !== undefined && !isIndex(found)) {
      changeOwner(work, found.oid, roleName(work, command.newowner))
      continue
    }
    const words = command.subtype
      .replace(/^AT_/, '')
      .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
      .toUpperCase()
    const kind = kindOf(found)
    throw new SqlError('42809', `ALTER action ${words} cannot be performed on relation "${found.name}"`, {
      detail: `This operation is not supported for ${kind === 'index' ? 'indexes' : `${kind}s`}.`,
    })
  }
}
