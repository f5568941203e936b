import { assert, unreachable } from '../../../../protocol/assert.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Expr, RowRules } from '../bind/bound.ts'
import { sequenceKey } from '../catalog/keys.ts'
import type { SequenceRelation, Table } from '../catalog/schema.ts'
import { decodeCounter } from '../catalog/sequence-counter.ts'
import { awaitSystemRows, systemRows } from '../catalog/system/system.ts'
import { aggregateImplementation, setImplementation } from '../functions/implementations.ts'
import { procedureByOid } from '../functions/procedures.ts'
import type { AggregateFunction, FunctionContext, SetFunction } from '../functions/registry.ts'
import type { AggregateCall, CommonPlan, FunctionScan, InsertNode, Layout, Node, Plan, Slot, SortSlot } from '../plan/node.ts'
import { sqlType, typeOf } from '../plan/sql-type.ts'
import { type AggregatePart, aggregateRows, distinctRows } from './aggregate.ts'
import { unsupportedFunction } from './callable.ts'
import { type CommonTableParts, recursiveUnion, scanCommonTable, scanWorkingTable, withTables } from './common-table.ts'
import { type Compiled, ExpressionCompiler } from './compile-expression.ts'
import { type Evaluate, emptyRow, type Opener, type Row, settled } from './frame.ts'
import { functionRows, projectSets, type SetCall } from './function-scan.ts'
import { hashJoin, joinKey } from './hash-join.ts'
import { rowHashKey } from './kernels.ts'
import { type ConflictParts, deleteRows, insertRows, type ModifyParts, updateRows } from './modify.ts'
import { nestedLoop } from './nested-loop.ts'
import { compileRowDecoder } from './row-decoder.ts'
import { filterRows, limitRows, lockRows, projectRows, valuesRows } from './row-operators.ts'
import type { Stream } from './run.ts'
import { prepareScan } from './scan.ts'
import { appendRows, setOperationRows } from './set-operation.ts'
import { rowCompare, sortRows } from './sort.ts'
import { storageAggregateRow } from './storage-aggregate.ts'
import { type CompiledCheck, TableWriter } from './table-writer.ts'

/** A plan whose expressions are closures. Made once per plan; holds nothing of a run. */
export interface Prepared {
  readonly open: Opener
  readonly slots: number
}

const noLayout: Layout = []

/** `watch` puts something around every node's stream: EXPLAIN ANALYZE counts there. Throws 0A000 for functions we do not have. */
export function prepare(plan: Plan, watch: (node: Node, open: Opener) => Opener = (_node, open) => open): Prepared {
  const preparation = new Preparation(plan, watch)
  const open = preparation.node(plan.root)
  return { open, slots: preparation.slots }
}

class Preparation {
  private readonly compiler: ExpressionCompiler
  private readonly watch: (node: Node, open: Opener) => Opener
  private readonly known = new Map<Node, Opener>()
  private depth = 0
  /** How many parts of the statement change a table. */
  private readonly changesOf = new Map<Oid, number>()

  constructor(plan: Plan, watch: (node: Node, open: Opener) => Opener) {
    this.watch = watch
    this.compiler = new ExpressionCompiler(plan, (node) => this.node(node))
  }

  get slots(): number {
    return this.compiler.slotCount
  }

  node(node: Node): Opener {
    const known = this.known.get(node)
    if (known !== undefined) return known
    const open = this.watch(node, this.operator(node))
    this.known.set(node, open)
    return open
  }

  private compile(expr: Expr, layout: Layout): Compiled {
    return this.compiler.compile(expr, layout)
  }

  /** For places where nothing may be waited for: the planner has put what waits elsewhere. */
  private plain(expr: Expr, layout: Layout): Evaluate {
    const { evaluate, waits } = this.compile(expr, layout)
    assert(!waits, 'an expression that waits is evaluated by an operator that can')
    return evaluate
  }

  private operator(node: Node): Opener {
    switch (node.kind) {
      case 'tableScan':
        return prepareScan(
          node,
          (expr) => this.plain(expr, noLayout),
          (expr) => {
            const compiled = this.compile(expr, node.layout)
            assert(!compiled.waits, 'an expression that waits is evaluated by an operator that can')
            return compiled
          },
        )
      case 'storageAggregate':
        return storageAggregateRow(node, (expr) => this.plain(expr, noLayout))
      case 'systemScan':
        return this.systemScan(node.table, node.layout, node.filter)
      case 'sequenceScan':
        return sequenceRow(node.sequence)
      case 'values':
        return valuesRows(node.valuesRows.map((row) => row.map((expr) => this.compile(expr, noLayout))))
      case 'oneRow':
        return oneRow
      case 'functionScan':
        return this.functionScan(node)
      case 'cteScan':
        return node.working ? scanWorkingTable(node.cte) : scanCommonTable(node.cte)
      case 'filter':
        return filterRows(this.node(node.input), this.compile(node.condition, node.input.layout), node.once)
      case 'project':
        return projectRows(
          this.node(node.input),
          node.exprs.map((expr) => this.compile(expr, node.input.layout)),
        )
      case 'projectSet':
        return projectSets(
          this.node(node.input),
          node.exprs.map((expr) =>
            expr.kind === 'call' && expr.returnsSet
              ? { kind: 'set', call: this.setCall(expr, node.input.layout, 1) }
              : { kind: 'plain', expr: this.compile(expr, node.input.layout) },
          ),
        )
      case 'aggregate':
        return aggregateRows(this.node(node.input), {
          keys: node.keys,
          calls: node.calls.map((call) => aggregatePart(call, node.input.layout)),
          layout: node.input.layout,
          sorted: node.sorted,
        })
      case 'sort':
        return sortRows(this.node(node.input), {
          compare: rowCompare(node.keys, node.input.layout),
          layout: node.input.layout,
          limits: node.rowsMax.map((expr) => this.plain(expr, noLayout)),
        })
      case 'limit':
        return limitRows(this.node(node.input), {
          limit: node.limit && this.compile(node.limit, noLayout),
          offset: node.offset && this.compile(node.offset, noLayout),
          tied: node.ties && this.tied(node.ties, node.input.layout),
        })
      case 'distinct':
        return distinctRows(this.node(node.input), node.slots, node.input.layout)
      case 'lockRows':
        return lockRows(this.node(node.input), node.locks)
      case 'nestedLoop':
        return nestedLoop({
          join: node.join,
          left: this.node(node.left),
          right: this.node(node.right),
          rightLayout: node.right.layout,
          leftWidth: node.left.layout.length,
          condition: node.condition && this.compile(node.condition, [...node.left.layout, ...node.right.layout]),
          bindings: node.lateral ? node.bindings : undefined,
        })
      case 'hashJoin': {
        const keys = (exprs: readonly Expr[], layout: Layout) =>
          joinKey(
            exprs.map((expr) => this.plain(expr, layout)),
            exprs.map((expr) => expr.type),
          )
        return hashJoin({
          join: node.join,
          left: this.node(node.left),
          right: this.node(node.right),
          leftLayout: node.left.layout,
          rightLayout: node.right.layout,
          leftKey: keys(node.leftKeys, node.left.layout),
          rightKey: keys(node.rightKeys, node.right.layout),
          condition: node.condition && this.plain(node.condition, [...node.left.layout, ...node.right.layout]),
          nullAware: node.nullAware,
        })
      }
      case 'setOperation':
        return setOperationRows(node, this.node(node.left), this.node(node.right))
      case 'append':
        return appendRows(node.inputs.map((input) => this.node(input)))
      case 'with':
        return this.with(node.ctes, node.body)
      case 'insert':
        return insertRows(this.modify(node, node.rules), this.conflict(node))
      case 'update':
        return updateRows(this.modify(node, node.rules), node.positions, node.once)
      case 'delete':
        return deleteRows(this.modify(node, undefined), node.once)
      default:
        return unreachable(node)
    }
  }

  private with(ctes: readonly CommonPlan[], body: Node): Opener {
    this.depth++
    const tables = ctes.map((cte): CommonTableParts => {
      if (cte.kind === 'recursive') {
        const { layout } = cte.start
        const open = recursiveUnion({ layout, start: this.node(cte.start), step: this.node(cte.step), distinct: cte.distinct })
        return { id: cte.id, layout, open, changes: false }
      }
      const open = this.node(cte.node)
      return { id: cte.id, layout: cte.node.layout, open, changes: cte.kind === 'modifying' }
    })
    this.depth--
    return withTables(tables, this.node(body))
  }

  private tied(slots: readonly SortSlot[], layout: Layout): (a: Row, b: Row) => boolean {
    const compare = rowCompare(slots, layout)
    return (a, b) => compare(a, b) === 0
  }

  private modify(
    node: { readonly table: Table; readonly input: Node; readonly returning: boolean },
    rules: RowRules | undefined,
  ): ModifyParts {
    const layout = rules === undefined ? noLayout : tableLayout(node.table, rules.row)
    const checks = (rules?.checks ?? []).map(
      (check): CompiledCheck => ({ name: check.name, evaluate: this.plain(check.expr, layout) }),
    )
    const { oid } = node.table
    this.changesOf.set(oid, (this.changesOf.get(oid) ?? 0) + 1)
    return {
      input: this.node(node.input),
      writer: new TableWriter(node.table, checks),
      returning: node.returning,
      counts: this.depth === 0,
      sharesTable: () => this.changesOf.get(oid) !== 1,
    }
  }

  private conflict(node: InsertNode): ConflictParts | undefined {
    const { onConflict } = node
    if (onConflict === undefined) return undefined
    const { update } = onConflict
    if (update === undefined) return { arbiters: onConflict.arbiters, update: undefined }
    return {
      arbiters: onConflict.arbiters,
      update: {
        set: update.set.map(({ position, value }) => ({ position, value: this.compile(value, update.layout) })),
        where: update.where && this.compile(update.where, update.layout),
        decode: compileRowDecoder(node.table, tableLayout(node.table, update.existing)),
      },
    }
  }

  private systemScan(table: Table, layout: Layout, filter: Expr | undefined): Opener {
    const columns = layout.map((slot) => slot.column)
    const passes = filter && this.plain(filter, layout)
    return function* (frame): Stream {
      const waiting = awaitSystemRows(table, frame.run)
      if (waiting !== undefined) yield* settled(waiting)
      let batch: Row[] = []
      for (const full of systemRows(table, frame.run)) {
        const row = columns.map((column) => full[column] as Value)
        if (passes !== undefined && passes(row, frame) !== true) continue
        batch.push(row)
        if (batch.length < 256) continue
        yield batch
        batch = []
      }
      if (batch.length > 0) yield batch
    }
  }

  private functionScan(node: FunctionScan): Opener {
    const columns = node.layout.length - (node.ordinality ? 1 : 0)
    const calls = node.calls.map((call) => {
      const width = node.rowsAsValues ? 1 : node.calls.length === 1 ? columns : this.widthOf(call)
      return this.setCall(call, noLayout, width)
    })
    return functionRows(calls, { ordinality: node.ordinality, rowsAsValues: node.rowsAsValues })
  }

  private widthOf(call: Expr): number {
    const procedure = call.kind === 'call' ? procedureByOid(call.procedure) : undefined
    return procedure !== undefined && procedure.columns.length > 0 ? procedure.columns.length : 1
  }

  private setCall(call: Expr, layout: Layout, width: number): SetCall {
    if (call.kind !== 'call' || !call.returnsSet) return { open: undefined, args: [this.compile(call, layout)], width }
    const procedure = procedureByOid(call.procedure)
    assert(procedure !== undefined, 'a set-returning function is built in')
    const implementation = setImplementation(procedure.language === 'internal' ? procedure.source : procedure.name)
    if (implementation === undefined) throw unsupportedFunction(procedure, call.at)
    const types = {
      arguments: call.arguments.map((argument) => argument.type),
      result: call.type,
      variadic: call.variadic === true,
    }
    const run = ('specializeSet' in implementation ? implementation.specializeSet(types) : implementation) as (
      context: FunctionContext,
      ...values: readonly Value[]
    ) => ReturnType<SetFunction>
    const { strict } = procedure
    return {
      open: (frame, values) => (strict && values.includes(null) ? [] : run(frame.context, ...values)),
      args: call.arguments.map((argument) => this.compile(argument, layout)),
      width,
    }
  }
}

export const tableLayout = (table: Table, relation: number): Layout =>
  table.columns.map((column) => ({ relation, column: column.attnum - 1, type: column.type }))

/** last_value, log_cnt, is_called */
function sequenceRow(sequence: SequenceRelation): Opener {
  return function* (frame): Stream {
    const { last, isCalled } = decodeCounter(sequence, yield* settled(frame.run.access.get(sequenceKey(sequence.storageId))))
    const given = frame.run.functions.lastSequenceValue?.(sequence, last)
    yield [[given ?? last, 0n, isCalled || given !== undefined]]
  }
}

const oneRow: Opener = function* (): Stream {
  yield [emptyRow]
}

function aggregatePart(call: AggregateCall, layout: Layout): AggregatePart {
  const procedure = procedureByOid(call.procedure)
  assert(procedure !== undefined, 'an aggregate is built in')
  const argumentTypes = call.arguments.map((slot) => (layout[slot] as Slot).type)
  const implementation = aggregateImplementation(aggregateName(procedure.name, procedure.arguments))
  if (implementation === undefined) throw unsupportedFunction(procedure, call.at)
  const types = { arguments: argumentTypes, result: call.type }
  return {
    implementation: implementation as unknown as AggregateFunction<unknown>,
    start: () => implementation.start(types),
    keeps: /_agg(_|$)/.test(procedure.name),
    arguments: call.arguments,
    filter: call.filter,
    distinct: call.distinct ? rowHashKey(argumentTypes) : undefined,
    orderBy: call.orderBy.length > 0 ? rowCompare(call.orderBy, layout) : distinctOrder(call, layout),
  }
}

/** DISTINCT without ORDER BY comes sorted by its arguments, as PostgreSQL computes it. */
function distinctOrder(call: AggregateCall, layout: Layout): ReturnType<typeof rowCompare> | undefined {
  if (!call.distinct || call.arguments.some((slot) => typeOf((layout[slot] as Slot).type).compare === undefined)) return undefined
  return rowCompare(
    call.arguments.map((slot) => ({ slot, descending: false, nullsFirst: false })),
    layout,
  )
}

const aggregateName = (name: string, oids: readonly number[]): string =>
  `${name}(${oids.map((oid) => sqlType(oid).name).join(',')})`
