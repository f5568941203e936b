import { assert, unreachable } from '../../../../protocol/assert.ts'
import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { Jsonb } from '../../../../protocol/values/jsonb.ts'
import { SqlArray, SqlRow, type Value } from '../../../../protocol/values/value.ts'
import type { Expr } from '../bind/bound.ts'
import type { TypeRef } from '../catalog/schema.ts'
import { comparisonOf, operatorOf } from '../plan/comparison.ts'
import { type Layout, outerSlotName, type Plan, rowKeyColumn, slotOf } from '../plan/node.ts'
import { renumbering } from '../plan/renumbering.ts'
import { sqlType, typeOf } from '../plan/sql-type.ts'
import { textOfHuge, valueOfHuge } from './aside-functions.ts'
import { withElement, withMember, withSlice } from './assign-part.ts'
import { type Callable, callableOf } from './callable.ts'
import { type Evaluate, type Frame, type Opener, unset } from './frame.ts'
import { constantSet, hashableTest } from './in-lookup.ts'
import { comparisonKernel, typeCompare, typeHashKey } from './kernels.ts'
import { sessionValue } from './session-value.ts'
import { Site } from './site.ts'
import { SubquerySite } from './subquery.ts'
import { conjunctionOf, disjunctionOf, isBooleanTest, isNullTest, rowComparison } from './three-valued.ts'
import { waits } from './waits.ts'

/**
 * An expression as a closure. `sites` are the places of the frame that hold answers of subqueries and volatile calls while one row is
 * worked on. An expression that waits is evaluated by `evaluateWaiting`, every other one by a plain call.
 */
export interface Compiled {
  readonly evaluate: Evaluate
  readonly sites: readonly number[]
  /** Evaluation may throw a Site: only `evaluateWaiting` will do. */
  readonly waits: boolean
  /** Evaluation may throw an AsideCall, where it is told that it can. */
  readonly aside: boolean
}

/** Compiles the expressions of one plan. Sites get places in the frame behind those the planner gave out. */
export class ExpressionCompiler {
  readonly plan: Plan
  private readonly prepare: (node: Plan['root']) => Opener
  private slots: number

  constructor(plan: Plan, prepare: (node: Plan['root']) => Opener) {
    this.plan = plan
    this.prepare = prepare
    this.slots = plan.slots
  }

  get slotCount(): number {
    return this.slots
  }

  newSlot(): number {
    return this.slots++
  }

  compile(expr: Expr, layout: Layout): Compiled {
    const waiting = waits(expr)
    const compilation = new Compilation(this, layout, waiting, this.prepare)
    const evaluate = compilation.compile(expr)
    return { evaluate, sites: compilation.sites, waits: waiting, aside: compilation.aside }
  }
}

type Kind<K extends Expr['kind']> = Extract<Expr, { kind: K }>
type Extreme = Expr & { readonly kind: 'greatest' | 'least'; readonly arguments: readonly Expr[] }

class Compilation {
  readonly sites: number[] = []
  aside = false
  private readonly owner: ExpressionCompiler
  private readonly layout: Layout
  private readonly waiting: boolean
  private readonly prepare: (node: Plan['root']) => Opener
  private outputSlot = -1
  private elementSlot = -1

  constructor(owner: ExpressionCompiler, layout: Layout, waiting: boolean, prepare: (node: Plan['root']) => Opener) {
    this.owner = owner
    this.layout = layout
    this.waiting = waiting
    this.prepare = prepare
  }

  compile(expr: Expr): Evaluate {
    switch (expr.kind) {
      case 'constant': {
        const { value } = expr
        return () => value
      }
      case 'parameter': {
        const { index } = expr
        return (_row, frame) => frame.parameters[index] as Value
      }
      case 'column':
        return this.column(expr.relation, expr.column)
      case 'wholeRow':
        return this.wholeRow(expr)
      case 'call':
        return this.call(expr)
      case 'and':
        return conjunctionOf(expr.arguments.map((argument) => this.compile(argument)))
      case 'or':
        return disjunctionOf(expr.arguments.map((argument) => this.compile(argument)))
      case 'not': {
        const argument = this.compile(expr.argument)
        return (row, frame) => {
          const value = argument(row, frame)
          return value === null ? null : !value
        }
      }
      case 'isNull':
        return isNullTest(this.compile(expr.argument), expr.negated)
      case 'isBoolean':
        return isBooleanTest(this.compile(expr.argument), expr.test, expr.negated)
      case 'isDistinct':
        return this.isDistinct(expr)
      case 'case':
        return this.cases(expr)
      case 'coalesce': {
        const parts = expr.arguments.map((argument) => this.compile(argument))
        return (row, frame) => {
          for (const part of parts) {
            const value = part(row, frame)
            if (value !== null) return value
          }
          return null
        }
      }
      case 'greatest':
      case 'least':
        return this.extreme(expr)
      case 'relabel': {
        const argument = this.compile(expr.argument)
        const renumber = renumbering(expr.argument.type.oid, expr.type.oid)
        return renumber === undefined ? argument : (row, frame) => renumber(argument(row, frame))
      }
      case 'viaText':
        return this.viaText(expr)
      case 'typmod': {
        const argument = this.compile(expr.argument)
        const type = sqlType(expr.type.oid)
        const { typmod } = expr.type
        if (type.coerceTypmod === undefined || typmod === -1) return argument
        return (row, frame) => {
          const value = argument(row, frame)
          return value === null ? null : (type.coerceTypmod?.(value, typmod, expr.explicit) ?? null)
        }
      }
      case 'arrayCast':
        return this.arrayCast(expr)
      case 'elementInput': {
        const slot = this.elementSlot
        return (_row, frame) => frame.slots[slot] as Value
      }
      case 'array':
        return this.array(expr)
      case 'row': {
        const fields = expr.fields.map((field) => this.compile(field))
        return (row, frame) => new SqlRow(fields.map((field) => field(row, frame)))
      }
      case 'rowCompare':
        return this.rowCompare(expr)
      case 'field': {
        const argument = this.compile(expr.argument)
        const { field } = expr
        return (row, frame) => {
          const value = argument(row, frame)
          if (value === null) return null
          assert(value instanceof SqlRow, 'only rows have fields')
          return value.fields[field] ?? null
        }
      }
      case 'subscript':
        return this.subscript(expr)
      case 'slice':
        return this.slice(expr)
      case 'assignPart':
        return this.assignPart(expr)
      case 'anyArray':
        return this.anyArray(expr)
      case 'in':
        return this.inList(expr)
      case 'subquery':
        return this.subquery(expr)
      case 'subqueryOutput': {
        const slot = this.outputSlot + expr.column
        return (_row, frame) => frame.slots[slot] as Value
      }
      case 'session': {
        const { value, type } = expr
        return (_row, frame) => sessionValue(value, type, frame)
      }
      case 'aggregate':
        assert(false, 'aggregates have been computed below')
        return unreachable(expr as never)
      default:
        return unreachable(expr)
    }
  }

  private column(relation: number, column: number): Evaluate {
    const place = slotOf(this.layout, relation, column)
    if (place >= 0) return (row) => row[place] as Value
    const outer = this.owner.plan.outerSlots.get(outerSlotName(relation, column))
    assert(outer !== undefined, `column ${column} of relation ${relation} is at hand`)
    return (_row, frame) => frame.slots[outer] as Value
  }

  private wholeRow(expr: Kind<'wholeRow'>): Evaluate {
    const columns = expr.columns.map((column) => this.column(expr.relation, column))
    const present = slotOf(this.layout, expr.relation, rowKeyColumn)
    const outer = this.owner.plan.outerSlots.get(outerSlotName(expr.relation, rowKeyColumn))
    return (row, frame) => {
      if (present >= 0 ? row[present] === null : outer !== undefined && frame.slots[outer] === null) return null
      return new SqlRow(columns.map((column) => column(row, frame)))
    }
  }

  private call(expr: Kind<'call'>): Evaluate {
    assert(!expr.returnsSet, 'set-returning calls have been taken out')
    const args = expr.arguments.map((argument) => this.compile(argument))
    const types = {
      arguments: expr.arguments.map((argument) => argument.type),
      result: expr.type,
      variadic: expr.variadic === true,
    }
    const callable = callableOf(expr.procedure, types, expr.at)
    if (callable.aside) this.aside = true
    if (this.waiting && callable.volatile) return this.volatileCall(callable, args)
    return callable.evaluate(args)
  }

  /** Done once a row: its result stays in the frame until the whole expression has an answer. */
  private volatileCall(callable: Callable, args: readonly Evaluate[]): Evaluate {
    const slot = this.owner.newSlot()
    this.sites.push(slot)
    const evaluate = callable.evaluateLoose(args)
    return (row, frame) => {
      const known = frame.slots[slot] as Value
      if (known !== unset) return known
      const value = evaluate(row, frame)
      if (value instanceof Promise) throw new Site(slot, value)
      frame.slots[slot] = value
      return value
    }
  }

  /** A function of two values with SQL's NULL logic, for what compares element by element. */
  private binary(procedure: Oid, left: TypeRef, right: TypeRef): (a: Value, b: Value, frame: Frame) => Value {
    const comparison = comparisonOf(procedure)
    const kernel = comparison && comparisonKernel(comparison)
    if (kernel !== undefined) return (a, b) => (a === null || b === null ? null : kernel(a, b))
    const boolean = { oid: 16, typmod: -1 }
    return callableOf(procedure, { arguments: [left, right], result: boolean }, undefined).two()
  }

  private isDistinct(expr: Kind<'isDistinct'>): Evaluate {
    const left = this.compile(expr.left)
    const right = this.compile(expr.right)
    const equal = this.binary(expr.equality, expr.left.type, expr.right.type)
    return (row, frame) => {
      const a = left(row, frame)
      const b = right(row, frame)
      const same = a === null || b === null ? a === b : equal(a, b, frame) === true
      return same === expr.negated
    }
  }

  private cases(expr: Kind<'case'>): Evaluate {
    const whens = expr.branches.map((branch) => this.compile(branch.when))
    const thens = expr.branches.map((branch) => this.compile(branch.then))
    const otherwise = this.compile(expr.otherwise)
    return (row, frame) => {
      for (let i = 0; i < whens.length; i++) {
        if ((whens[i] as Evaluate)(row, frame) === true) return (thens[i] as Evaluate)(row, frame)
      }
      return otherwise(row, frame)
    }
  }

  private extreme(expr: Extreme): Evaluate {
    const parts = expr.arguments.map((argument) => this.compile(argument))
    const compare = typeCompare(expr.type)
    const sign = expr.kind === 'greatest' ? 1 : -1
    return (row, frame) => {
      let best: Value = null
      for (const part of parts) {
        const value = part(row, frame)
        if (value !== null && (best === null || compare(value, best) * sign > 0)) best = value
      }
      return best
    }
  }

  private viaText(expr: Kind<'viaText'>): Evaluate {
    const argument = this.compile(expr.argument)
    const from = typeOf(expr.argument.type)
    const to = sqlType(expr.type.oid)
    const { typmod } = expr.type
    const asText = textOfHuge(expr.argument.type)
    const asValue = valueOfHuge(expr.type)
    if (asText !== undefined || asValue !== undefined) this.aside = true
    return (row, frame) => {
      const value = argument(row, frame)
      if (value === null) return null
      const { settings } = frame.context
      const text = asText?.(value, frame.context) ?? from.output(value, settings)
      return asValue?.(text, frame.context, expr.at) ?? to.input(text, typmod, settings)
    }
  }

  private arrayCast(expr: Kind<'arrayCast'>): Evaluate {
    const argument = this.compile(expr.argument)
    const before = this.elementSlot
    const slot = this.owner.newSlot()
    this.elementSlot = slot
    const element = this.compile(expr.element)
    this.elementSlot = before
    return (row, frame) => {
      const value = argument(row, frame)
      if (value === null) return null
      assert(value instanceof SqlArray, 'an array is cast element by element')
      const elements = value.elements.map((item) => {
        frame.slots[slot] = item
        return element(row, frame)
      })
      return new SqlArray(elements, value.lowerBound)
    }
  }

  private array(expr: Kind<'array'>): Evaluate {
    const elements = expr.elements.map((element) => this.compile(element))
    const nested = expr.elements.some((element) => element.type.oid === expr.type.oid)
    if (nested) throw new SqlError('0A000', 'multidimensional arrays are not supported')
    return (row, frame) => new SqlArray(elements.map((element) => element(row, frame)))
  }

  private rowCompare(expr: Kind<'rowCompare'>): Evaluate {
    const left = expr.left.map((part) => this.compile(part))
    const right = expr.right.map((part) => this.compile(part))
    const compares = expr.left.map((part, i) => {
      const other = expr.right[i] as Expr
      assert(part.type.oid === other.type.oid, 'the sides of a row comparison have been coerced to one type')
      return typeCompare(part.type)
    })
    return rowComparison(left, right, compares, expr.operator)
  }

  private subscript(expr: Kind<'subscript'>): Evaluate {
    const argument = this.compile(expr.argument)
    const index = this.compile(expr.index)
    return (row, frame) => {
      const array = argument(row, frame)
      const place = index(row, frame)
      if (array === null || place === null) return null
      assert(array instanceof SqlArray, 'only arrays are subscripted')
      return array.elements[Number(place) - array.lowerBound] ?? null
    }
  }

  private slice(expr: Kind<'slice'>): Evaluate {
    const argument = this.compile(expr.argument)
    const from = expr.from && this.compile(expr.from)
    const to = expr.to && this.compile(expr.to)
    return (row, frame) => {
      const array = argument(row, frame)
      if (array === null) return null
      assert(array instanceof SqlArray, 'only arrays are sliced')
      const first = from === undefined ? array.lowerBound : from(row, frame)
      const last = to === undefined ? array.lowerBound + array.elements.length - 1 : to(row, frame)
      if (first === null || last === null) return null
      const start = Math.max(Number(first) - array.lowerBound, 0)
      const end = Math.min(Number(last) - array.lowerBound + 1, array.elements.length)
      return new SqlArray(start < end ? array.elements.slice(start, end) : [])
    }
  }

  private assignPart(expr: Kind<'assignPart'>): Evaluate {
    const argument = this.compile(expr.argument)
    const subscripts = expr.subscripts.map((part) => part && this.compile(part))
    const value = this.compile(expr.value)
    const { isSlice, isIndex } = expr
    const isDocument = sqlType(expr.type.oid).elementOid === 0
    return (row, frame) => {
      const container = argument(row, frame)
      const places = subscripts.map((part) => part?.(row, frame))
      const part = value(row, frame)
      if (isDocument) return withMember(container as Jsonb | null, places as Value[], isIndex, part)
      const array = container as SqlArray | null
      return isSlice ? withSlice(array, places[0], places[1], part) : withElement(array, places[0] as Value, part)
    }
  }

  private anyArray(expr: Kind<'anyArray'>): Evaluate {
    const left = this.compile(expr.left)
    const array = this.compile(expr.array)
    const elementOid = sqlType(expr.array.type.oid).elementOid
    const test = this.binary(expr.procedure, expr.left.type, { oid: elementOid, typmod: -1 })
    const decisive = !expr.all
    return (row, frame) => {
      const list = array(row, frame)
      if (list === null) return null
      assert(list instanceof SqlArray, 'ANY takes an array')
      const value = left(row, frame)
      let unknown = false
      for (const element of list.elements) {
        const answer = test(value, element, frame)
        if (answer === decisive) return decisive
        if (answer === null) unknown = true
      }
      return unknown ? null : !decisive
    }
  }

  private inList(expr: Kind<'in'>): Evaluate {
    const left = this.compile(expr.left)
    const { negated } = expr
    const set = constantSet(expr)
    if (set !== undefined) {
      const { keys, hasNull, hashKey } = set
      return (row, frame) => {
        const value = left(row, frame)
        if (value === null) return null
        if (keys.has(hashKey(value))) return !negated
        return hasNull ? null : negated
      }
    }
    const list = expr.list.map((item) => this.compile(item))
    const rightType = expr.list[0]?.type ?? expr.left.type
    const equal = this.binary(expr.procedure, expr.left.type, rightType)
    // `x NOT IN (...)` may come with `=` and negated, or with `<>` and every element to differ from.
    const operator = operatorOf(expr.procedure)?.name
    assert(operator !== '<>', 'IN compares with equality')
    return (row, frame) => {
      const value = left(row, frame)
      let unknown = false
      for (const item of list) {
        const answer = equal(value, item(row, frame), frame)
        if (answer === true) return !negated
        if (answer === null) unknown = true
      }
      return unknown ? null : negated
    }
  }

  private subquery(expr: Kind<'subquery'>): Evaluate {
    const planned = this.owner.plan.subqueries.get(expr)
    assert(planned !== undefined, 'a subquery has been planned')
    let test: Evaluate | undefined
    if (expr.test !== undefined) {
      const before = this.outputSlot
      this.outputSlot = planned.outputSlot
      test = this.compile(expr.test)
      this.outputSlot = before
    }
    if (!planned.once || test !== undefined) this.sites.push(planned.slot)
    const reads = planned.reads.flatMap((read) => {
      const from = slotOf(this.layout, read.relation, read.column)
      return from < 0 ? [] : [{ from, slot: read.slot }]
    })
    const hashable = hashableTest(expr)
    const left = hashable && this.compile(hashable.left)
    const site = new SubquerySite({
      how: expr.how,
      type: expr.type,
      planned,
      open: this.prepare(planned.node),
      reads,
      test,
      hashed: hashable && left && { left, hashKey: typeHashKey({ oid: hashable.outputType, typmod: -1 }) },
      width: planned.node.layout.length,
    })
    const { slot } = planned
    return (_row, frame) => {
      const known = frame.slots[slot] as Value
      if (known === unset) throw site
      return known
    }
  }
}
