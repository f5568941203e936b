import { ByteWriter } from '../../../../protocol/bytes.ts'
import { type Key, keyBytesMax, storagePrefix } from '../../../../protocol/key.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Expr } from '../bind/bound.ts'
import type { DeleteNode, InsertNode, Layout, Node, Plan, TableScan, UpdateNode } from '../plan/node.ts'
import { encodeIndexColumn, encodeKeyColumn, rowKeyOfEntry } from '../plan/table-key.ts'
import { AsideCall } from './aside-calls.ts'
import { ExpressionCompiler } from './compile-expression.ts'
import { type Evaluate, emptyRow, type Frame, type Row, unset } from './frame.ts'
import { exact } from './key-bounds.ts'
import { compileRowDecoder } from './row-decoder.ts'
import { projected } from './row-operators.ts'
import type { Affected, Batch, Run } from './run.ts'
import { type CompiledCheck, TableWriter } from './table-writer.ts'
import { waits } from './waits.ts'

/** Carries a statement about one key out at once; undefined when it could not begin. */
export type PointStatement = (run: Run, affected: Affected) => Batch | undefined

const noRows: Batch = []
const noLayout: Layout = []

/** The statements that most clients send most of the time, without streams, ranges or promises. */
export function preparePoint(plan: Plan): PointStatement | undefined {
  if (plan.subqueries.size > 0 || plan.outerSlots.size > 0) return undefined
  const compiler = new ExpressionCompiler(plan, () => () => [][Symbol.iterator]() as never)
  const { root } = plan
  const statement =
    root.kind === 'insert'
      ? pointInsert(root, compiler)
      : root.kind === 'update' || root.kind === 'delete'
        ? pointChange(root, compiler)
        : pointSelect(root, compiler)
  if (statement === undefined) return undefined
  return (run, affected) => {
    const { aside } = run
    try {
      if (aside !== undefined) aside.canWait = true
      return statement(frameOf(run, affected, compiler.slotCount))
    } catch (thrown) {
      // Values come before anything is done with them: the stream begins anew.
      if (thrown instanceof AsideCall) return undefined
      throw thrown
    } finally {
      if (aside !== undefined) aside.canWait = false
    }
  }
}

const noTables: Frame['commonTables'] = new Map()
const nothingKept: Frame['kept'] = new Map()

/** Nothing here has common tables or keeps anything: the maps are never written. */
function frameOf(run: Run, affected: Affected, slots: number): Frame {
  return {
    run,
    context: run.functions,
    parameters: run.parameters,
    slots: slots === 0 ? (emptyRow as Value[]) : new Array<Value>(slots).fill(unset),
    commonTables: noTables,
    kept: nothingKept,
    keptBytes: 0,
    affected,
    counters: undefined,
  }
}

type AtOnce = (frame: Frame) => Batch | undefined

/** The row under a key known when the statement starts: null when there is none, undefined when storage has to be waited for. */
type FindRow = (frame: Frame) => Row | null | undefined

function pointSelect(root: Node, compiler: ExpressionCompiler): AtOnce | undefined {
  const project = root.kind === 'project' ? root : undefined
  const scan = project === undefined ? root : project.input
  if (scan.kind !== 'tableScan') return undefined
  const find = findRow(scan, compiler)
  if (find === undefined || project?.exprs.some(waits)) return undefined
  const exprs = project?.exprs.map((expr) => compiler.compile(expr, scan.layout).evaluate)
  return (frame) => {
    const row = find(frame)
    if (row === undefined) return undefined
    if (row === null) return noRows
    return [exprs === undefined ? row : projected(exprs, row, frame)]
  }
}

const writer = new ByteWriter(2_048)

function findRow(scan: TableScan, compiler: ExpressionCompiler): FindRow | undefined {
  if (!scan.point || scan.bounds === undefined) return undefined
  const exprs: Expr[] = []
  for (const part of scan.bounds.parts) {
    if (part.kind !== 'equal' || waits(part.value)) return undefined
    exprs.push(part.value)
  }
  if (scan.filter !== undefined && waits(scan.filter)) return undefined
  const { table, index, keyColumns } = scan
  const prefix = storagePrefix(index?.storageId ?? table.storageId)
  const values = exprs.map((expr) => compiler.compile(expr, noLayout).evaluate)
  const oids = keyColumns.map(({ attnum }) => table.columns[attnum - 1]!.type.oid)
  const filter = scan.filter && compiler.compile(scan.filter, scan.layout).evaluate
  const decode = compileRowDecoder(table, scan.layout)

  const keyOf = (frame: Frame): Key | undefined => {
    writer.reset()
    for (let i = 0; i < values.length; i++) {
      const [value] = exact((values[i] as Evaluate)(emptyRow, frame), oids[i] as number)
      if (value === undefined) return undefined
      if (index === undefined) encodeKeyColumn(oids[i] as number, value, writer)
      else encodeIndexColumn(oids[i] as number, value, keyColumns[i]!, writer)
    }
    const key = (prefix + writer.buffer.latin1Slice(0, writer.length)) as Key
    return key.length > keyBytesMax ? undefined : key
  }

  return (frame) => {
    const { access } = frame.run
    let key = keyOf(frame)
    if (key === undefined) return null
    let image = access.get(key)
    if (index !== undefined && image !== undefined && !(image instanceof Promise)) {
      key = rowKeyOfEntry(table, image)
      image = access.get(key)
    }
    if (image instanceof Promise) {
      // The stream asks again and sees to a failure.
      image.catch(() => {})
      return undefined
    }
    if (image === undefined) return null
    const row = decode(key, image)
    return filter === undefined || filter(row, frame) === true ? row : null
  }
}

function checksOf(node: InsertNode | UpdateNode, compiler: ExpressionCompiler): CompiledCheck[] {
  const layout: Layout = node.table.columns.map((column) => ({
    relation: node.rules.row,
    column: column.attnum - 1,
    type: column.type,
  }))
  return node.rules.checks.map(({ name, expr }) => ({ name, evaluate: compiler.compile(expr, layout).evaluate }))
}

function pointInsert(node: InsertNode, compiler: ExpressionCompiler): AtOnce | undefined {
  const { input } = node
  if (node.returning || node.onConflict !== undefined || input.kind !== 'values' || input.valuesRows.length !== 1)
    return undefined
  const [exprs] = input.valuesRows as readonly [readonly Expr[]]
  if (exprs.some(waits) || node.rules.checks.some((check) => waits(check.expr))) return undefined
  const values = exprs.map((expr) => compiler.compile(expr, noLayout).evaluate)
  const table = new TableWriter(node.table, checksOf(node, compiler))
  return (frame) => {
    const row = projected(values, emptyRow, frame)
    table.validate(row, frame)
    if (!table.insertAtOnce(row, table.newKey(row, frame), frame)) return undefined
    frame.affected.rows = 1
    return noRows
  }
}

function pointChange(node: UpdateNode | DeleteNode, compiler: ExpressionCompiler): AtOnce | undefined {
  const { input, table } = node
  if (node.returning) return undefined
  const project = input.kind === 'project' ? input : undefined
  const scan = project === undefined ? input : project.input
  if (scan.kind !== 'tableScan' || project?.exprs.some(waits)) return undefined
  const positions = node.kind === 'update' ? node.positions : []
  // A change of a unique key may have to wait for storage after it has begun.
  const unique = [...(table.primaryKey ? [table.primaryKey] : []), ...table.indexes.filter((index) => index.unique)]
  if (unique.some((index) => index.columns.some(({ attnum }) => positions.includes(attnum - 1)))) return undefined
  const find = findRow(scan, compiler)
  if (find === undefined) return undefined
  const exprs = project?.exprs.map((expr) => compiler.compile(expr, scan.layout).evaluate)
  const target = new TableWriter(table, node.kind === 'update' ? checksOf(node, compiler) : [])
  const width = table.columns.length
  const dropped = table.columns.filter((column) => column.dropped).map((column) => column.attnum - 1)
  return (frame) => {
    const found = find(frame)
    if (found === undefined) return undefined
    if (found === null) return noRows
    const row = exprs === undefined ? found : projected(exprs, found, frame)
    const key = row[0] as Key
    const before = row.slice(1, width + 1)
    if (node.kind === 'delete') target.delete(before, key, frame)
    else {
      const after = before.slice()
      for (let i = 0; i < positions.length; i++) after[positions[i] as number] = row[width + 1 + i] as Value
      for (const position of dropped) after[position] = null
      target.validate(after, frame)
      target.update(before, after, key, frame)
    }
    frame.affected.rows = 1
    return noRows
  }
}
