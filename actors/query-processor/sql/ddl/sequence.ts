import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { texts } from '../bind/parse-tree.ts'
import { sequenceKey } from '../catalog/keys.ts'
import type { Column, SequenceRelation, Table, TypeRef } from '../catalog/schema.ts'
import { decodeCounter } from '../catalog/sequence-counter.ts'
import { builtinType, int4Oid, int8Oid } from '../functions/builtin-types.ts'
import { namedType } from './column-type.ts'
import type { DdlWork } from './context.ts'
import { nextvalDefault } from './expressions.ts'
import { chooseName, creationSchema, findNamed, isIndex, missingRelation, nameIsTaken, relationExists } from './names.ts'
import type { AlterSeqStmt, CreateSeqStmt, DdlNode, DefElem } from './parse-tree.ts'

type Numbers = Pick<SequenceRelation, 'type' | 'start' | 'increment' | 'min' | 'max' | 'cycle' | 'cache'>

interface Options {
  readonly numbers: Numbers
  /** RESTART: where the counter goes on; undefined leaves it. */
  readonly restart: bigint | undefined
  readonly ownedBy: readonly string[] | undefined
  readonly name: readonly string[] | undefined
}

const int2Oid = 21

const bounds: ReadonlyMap<Oid, readonly [bigint, bigint]> = new Map([
  [int2Oid, [-32_768n, 32_767n]],
  [int4Oid, [-2_147_483_648n, 2_147_483_647n]],
  [int8Oid, [-9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n]],
])

export async function createSequence(work: DdlWork, statement: CreateSeqStmt): Promise<string> {
  const { sequence } = statement
  if (sequence.relpersistence === 't') throw work.refuse('a temporary sequence')
  if (sequence.relpersistence === 'u') throw work.refuse('an unlogged sequence')
  const schema = creationSchema(work, sequence)
  if (nameIsTaken(work.draft, schema.oid, sequence.relname)) {
    if (statement.if_not_exists !== true) throw relationExists(sequence.relname)
    work.notice(`relation "${sequence.relname}" already exists, skipping`, '42P07')
    return 'CREATE SEQUENCE'
  }
  const options = readOptions(work, statement.options ?? [], undefined)
  const oid = await work.oid()
  const head = { kind: 'sequence', oid, name: sequence.relname, schemaOid: schema.oid, owner: work.context.user } as const
  const made: SequenceRelation = { ...head, ...options.numbers, ownedBy: undefined, storageId: oid }
  work.draft.put({ ...made, ownedBy: owner(work, made, options.ownedBy) })
  return 'CREATE SEQUENCE'
}

/** The sequence behind serial (a default that says nextval) or identity. */
export async function addOwnedSequence(
  work: DdlWork,
  tableOid: Oid,
  part: { readonly attnum: number; readonly identity: Column['identity']; readonly options: readonly DdlNode[] },
): Promise<SequenceRelation> {
  const table = work.draft.relationByOid(tableOid) as Table
  const column = table.columns[part.attnum - 1] as Column
  const options = readOptions(work, part.options, { type: column.type, isIdentity: part.identity !== undefined })
  const chosen = chooseName(table.name, column.name, 'seq', (name) => nameIsTaken(work.draft, table.schemaOid, name))
  const name = options.name?.at(-1) ?? chosen
  const schemaOid =
    options.name?.length === 2 ? (work.draft.schema(options.name[0] as string)?.oid ?? table.schemaOid) : table.schemaOid
  if (nameIsTaken(work.draft, schemaOid, name)) throw relationExists(name)
  const oid = await work.oid()
  const sequence: SequenceRelation = {
    kind: 'sequence',
    oid,
    name,
    schemaOid,
    owner: table.owner,
    ...options.numbers,
    ownedBy: { tableOid, attnum: part.attnum },
    storageId: oid,
  }
  work.draft.put(sequence)
  const made: Column =
    part.identity === undefined
      ? { ...column, sequenceOid: oid, default: nextvalDefault(work, sequence) }
      : { ...column, sequenceOid: oid, identity: part.identity, notNull: true }
  work.draft.put({ ...table, columns: table.columns.map((other) => (other.attnum === made.attnum ? made : other)) })
  return sequence
}

export async function alterSequence(work: DdlWork, statement: AlterSeqStmt): Promise<string> {
  const found = findNamed(work, statement.sequence)
  if (found === undefined) {
    if (statement.missing_ok !== true) throw missingRelation(work, statement.sequence)
    work.notice(`relation "${statement.sequence.relname}" does not exist, skipping`)
    return 'ALTER SEQUENCE'
  }
  if (isIndex(found) || found.kind !== 'sequence') throw notSequence(statement.sequence.relname)
  await changeSequence(work, found, statement.options ?? [])
  return 'ALTER SEQUENCE'
}

export const notSequence = (name: string): SqlError => new SqlError('42809', `"${name}" is not a sequence`)

/**
 * New numbers for a sequence. The counter moves to a new place, so that a block somebody reserved under the old rules is never handed
 * out again, and the change is undone with its transaction.
 */
export async function changeSequence(work: DdlWork, sequence: SequenceRelation, nodes: readonly DdlNode[]): Promise<void> {
  const options = readOptions(work, nodes, { type: sequence.type, isIdentity: false, before: sequence })
  const ownedBy = options.ownedBy === undefined ? sequence.ownedBy : owner(work, sequence, options.ownedBy)
  const changed: SequenceRelation = { ...sequence, ...options.numbers, ownedBy }
  if (nodes.every((node) => node.DefElem?.defname === 'owned_by')) work.draft.put(changed)
  else await moveCounter(work, changed, options.restart)
}

/** Gives the sequence a counter of its own; `restart` undefined: it goes on where the old one is. */
export async function moveCounter(work: DdlWork, sequence: SequenceRelation, restart: bigint | undefined): Promise<void> {
  const { access } = work.context
  const key = sequenceKey(sequence.storageId)
  const counter = decodeCounter(sequence, await access.get(key))
  // Whoever takes values from the old counter until we commit would see them handed out again.
  access.check(key, 'R')
  const initial = restart === undefined ? counter : { last: restart, isCalled: false }
  for (const [isWrong, what] of [
    [initial.last < sequence.min, `cannot be less than MINVALUE (${sequence.min})`],
    [initial.last > sequence.max, `cannot be greater than MAXVALUE (${sequence.max})`],
  ] as const) {
    if (isWrong) throw new SqlError('22023', `RESTART value (${initial.last}) ${what}`)
  }
  work.draft.put({ ...sequence, storageId: await work.oid(), initial })
  work.sequencesChanged.push(sequence.oid)
}

interface Given {
  readonly type: TypeRef
  readonly isIdentity: boolean
  readonly before?: SequenceRelation
}

/** init_params of sequence.c. */
function readOptions(work: DdlWork, nodes: readonly DdlNode[], given: Given | undefined): Options {
  const said = optionMap(work, nodes)
  const before = given?.before
  const type = sequenceType(work, said.get('as'), given)
  const [typeMin, typeMax] = bounds.get(type.oid) as readonly [bigint, bigint]
  const increment = numberOf(said.get('increment')) ?? before?.increment ?? 1n
  if (increment === 0n) throw wrong('INCREMENT must not be zero')
  const [min, max] = limits(said, { before, type, increment })
  const typeName = builtinType(type.oid).displayName
  if (max < typeMin || max > typeMax) throw wrong(`MAXVALUE (${max}) is out of range for sequence data type ${typeName}`)
  if (min < typeMin || min > typeMax) throw wrong(`MINVALUE (${min}) is out of range for sequence data type ${typeName}`)
  if (min >= max) throw wrong(`MINVALUE (${min}) must be less than MAXVALUE (${max})`)
  const start = numberOf(said.get('start')) ?? before?.start ?? (increment > 0n ? min : max)
  if (start < min) throw wrong(`START value (${start}) cannot be less than MINVALUE (${min})`)
  if (start > max) throw wrong(`START value (${start}) cannot be greater than MAXVALUE (${max})`)
  const cache = numberOf(said.get('cache')) ?? before?.cache ?? 1n
  if (cache <= 0n) throw wrong(`CACHE (${cache}) must be greater than zero`)
  const cycle = said.get('cycle')?.arg?.Boolean
  const restart = said.get('restart')
  return {
    numbers: {
      type,
      start,
      increment,
      min,
      max,
      cycle: cycle === undefined ? (before?.cycle ?? false) : cycle.boolval === true,
      cache,
    },
    restart: restart === undefined ? undefined : (numberOf(restart) ?? start),
    ownedBy: said.has('owned_by') ? texts(said.get('owned_by')?.arg?.List?.items ?? []) : undefined,
    name: said.has('sequence_name') ? texts(said.get('sequence_name')?.arg?.List?.items ?? []) : undefined,
  }
}

function optionMap(work: DdlWork, nodes: readonly DdlNode[]): Map<string, DefElem> {
  const said = new Map<string, DefElem>()
  for (const { DefElem: option } of nodes) {
    if (option === undefined) continue
    if (said.has(option.defname)) throw work.error('42601', 'conflicting or redundant options', option.location)
    said.set(option.defname, option)
  }
  return said
}

function sequenceType(work: DdlWork, option: DefElem | undefined, given: Given | undefined): TypeRef {
  const named = option?.arg?.TypeName
  const type = named === undefined ? (given?.type ?? { oid: int8Oid, typmod: -1 }) : namedType(work, named)
  if (bounds.has(type.oid)) return { oid: type.oid, typmod: -1 }
  const what = given?.isIdentity === true ? 'identity column' : 'sequence'
  throw wrong(`${what} type must be smallint, integer, or bigint`)
}

/** MINVALUE and MAXVALUE: said, kept, or the type's own for the direction. A bound that was the old type's follows the new type. */
function limits(
  said: ReadonlyMap<string, DefElem>,
  of: { readonly before: SequenceRelation | undefined; readonly type: TypeRef; readonly increment: bigint },
): readonly [bigint, bigint] {
  const { before, increment } = of
  const [typeMin, typeMax] = bounds.get(of.type.oid) as readonly [bigint, bigint]
  const [oldMin, oldMax] = before === undefined ? [] : (bounds.get(before.type.oid) as readonly [bigint, bigint])
  const isRetyped = before !== undefined && before.type.oid !== of.type.oid
  const defaultMin = increment > 0n ? 1n : typeMin
  const defaultMax = increment > 0n ? typeMax : -1n
  const keptMin = before === undefined || (isRetyped && before.min === oldMin) ? undefined : before.min
  const keptMax = before === undefined || (isRetyped && before.max === oldMax) ? undefined : before.max
  const min = said.has('minvalue') ? (numberOf(said.get('minvalue')) ?? defaultMin) : (keptMin ?? defaultMin)
  const max = said.has('maxvalue') ? (numberOf(said.get('maxvalue')) ?? defaultMax) : (keptMax ?? defaultMax)
  return [min, max]
}

const wrong = (message: string): SqlError => new SqlError('22023', message)

function numberOf(option: DefElem | undefined): bigint | undefined {
  const arg = option?.arg
  if (arg?.Integer !== undefined) return BigInt(arg.Integer.ival ?? 0)
  if (arg?.Float === undefined) return undefined
  const { fval } = arg.Float
  if (!/^-?\d+$/.test(fval)) throw new SqlError('22P02', `invalid input syntax for type bigint: "${fval}"`)
  const value = BigInt(fval)
  const [min, max] = bounds.get(int8Oid) as readonly [bigint, bigint]
  if (value < min || value > max) throw new SqlError('22003', `value "${fval}" is out of range for type bigint`)
  return value
}

/** OWNED BY table.column, or NONE. */
function owner(work: DdlWork, sequence: SequenceRelation, names: readonly string[] | undefined): SequenceRelation['ownedBy'] {
  if (names === undefined) return undefined
  if (sequence.ownedBy !== undefined) refuseIdentityOwner(work, sequence, sequence.ownedBy)
  if (names.length === 1) {
    if (names[0] === 'none') return undefined
    throw new SqlError('42601', 'invalid OWNED BY option', { hint: 'Specify OWNED BY table.column or OWNED BY NONE.' })
  }
  const name = { relname: names.at(-2) as string, ...(names.length > 2 && { schemaname: names.at(-3) as string }) }
  const table = findNamed(work, name)
  if (table === undefined) throw missingRelation(work, name)
  if (isIndex(table) || table.kind === 'sequence') {
    throw new SqlError('42809', `sequence cannot be owned by relation "${table.name}"`, {
      detail: `This operation is not supported for ${isIndex(table) ? 'indexes' : 'sequences'}.`,
    })
  }
  const column = table.columns.find((one) => one.name === names.at(-1) && !one.dropped)
  if (table.owner !== sequence.owner) {
    throw new SqlError('55000', 'sequence must have same owner as table it is linked to')
  }
  if (table.schemaOid !== sequence.schemaOid) {
    throw new SqlError('55000', 'sequence must be in same schema as table it is linked to')
  }
  if (column === undefined) throw new SqlError('42703', `column "${names.at(-1)}" of relation "${table.name}" does not exist`)
  work.draft.needRelation(table.oid)
  return { tableOid: table.oid, attnum: column.attnum }
}

function refuseIdentityOwner(work: DdlWork, sequence: SequenceRelation, ownedBy: { tableOid: Oid; attnum: number }): void {
  const table = work.draft.relationByOid(ownedBy.tableOid)
  if (table?.kind !== 'table' || table.columns[ownedBy.attnum - 1]?.identity === undefined) return
  throw new SqlError('0A000', 'cannot change ownership of identity sequence', {
    detail: `Sequence "${sequence.name}" is linked to table "${table.name}".`,
  })
}
