import { assert } from '../../../../protocol/assert.ts'
import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import { scalarImplementation } from '../functions/implementations.ts'
import { type Procedure, procedureByOid } from '../functions/procedures.ts'
import type { CallTypes, FunctionContext } from '../functions/registry.ts'
import { comparisonOf } from '../plan/comparison.ts'
import { sqlType } from '../plan/sql-type.ts'
import { asideCall, mayGoAside } from './aside-functions.ts'
import type { Evaluate, Frame } from './frame.ts'
import { arithmeticKernel, comparisonKernel, type Kernel } from './kernels.ts'

type Function = (context: FunctionContext, ...values: readonly Value[]) => Value | Promise<Value>
type LooseEvaluate = (row: readonly Value[], frame: Frame) => Value | Promise<Value>

/** One call site's function, ready to be put over compiled arguments. */
export interface Callable {
  readonly volatile: boolean
  /** May be carried out aside, if its values are huge. */
  readonly aside: boolean
  evaluate(args: readonly Evaluate[]): Evaluate
  /** The answer may be a promise. */
  evaluateLoose(args: readonly Evaluate[]): LooseEvaluate
  two(): (a: Value, b: Value, frame: Frame) => Value
}

export const unsupportedFunction = (procedure: Procedure, at: number | undefined): SqlError => {
  const types = procedure.arguments.map((oid) => sqlType(oid).displayName).join(', ')
  return new SqlError('0A000', `function ${procedure.name}(${types}) is not supported`, at === undefined ? {} : { position: at })
}

/** Throws 0A000 for a built-in that PostgreSQL has and we have not. */
export function callableOf(oid: Oid, types: CallTypes, at: number | undefined): Callable {
  const procedure = procedureByOid(oid)
  assert(procedure !== undefined, `procedure ${oid} is built in`)
  const comparison = comparisonOf(oid)
  const kernel = comparison === undefined ? arithmeticKernel(procedure.source) : comparisonKernel(comparison)
  if (kernel !== undefined) return kernelCall(kernel)
  const key = procedure.language === 'internal' ? procedure.source : procedure.name
  const implementation = scalarImplementation(key)
  if (implementation === undefined) throw unsupportedFunction(procedure, at)
  const call = (typeof implementation === 'function' ? implementation : implementation.specialize(types)) as Function
  const isPlain = typeof implementation === 'function'
  return functionCall(isPlain && mayGoAside(procedure) ? asideCall(call, key) : call, procedure)
}

function kernelCall(kernel: Kernel): Callable {
  const evaluate = ([left, right]: readonly Evaluate[]): Evaluate => {
    const l = left as Evaluate
    const r = right as Evaluate
    return (row, frame) => {
      const a = l(row, frame)
      // What is wrong with the second is an error beside a NULL, too.
      const b = r(row, frame)
      return a === null || b === null ? null : kernel(a, b)
    }
  }
  return {
    volatile: false,
    aside: false,
    evaluate,
    evaluateLoose: evaluate,
    two: () => (a, b) => (a === null || b === null ? null : kernel(a, b)),
  }
}

function functionCall(call: Function, procedure: Procedure): Callable {
  const evaluateLoose = (args: readonly Evaluate[]): LooseEvaluate =>
    procedure.strict ? strictCall(call, args) : looseCall(call, args)
  return {
    volatile: procedure.volatility === 'v',
    aside: mayGoAside(procedure),
    evaluateLoose,
    evaluate: (args) => evaluateLoose(args) as Evaluate,
    two: () => (a, b, frame) => (procedure.strict && (a === null || b === null) ? null : (call(frame.context, a, b) as Value)),
  }
}

function strictCall(call: Function, args: readonly Evaluate[]): LooseEvaluate {
  const [first, second, third] = args as readonly [Evaluate, Evaluate, Evaluate]
  switch (args.length) {
    case 0:
      return (_row, frame) => call(frame.context)
    case 1:
      return (row, frame) => {
        const a = first(row, frame)
        return a === null ? null : call(frame.context, a)
      }
    case 2:
      return (row, frame) => {
        const a = first(row, frame)
        const b = second(row, frame)
        return a === null || b === null ? null : call(frame.context, a, b)
      }
    case 3:
      return (row, frame) => {
        const a = first(row, frame)
        const b = second(row, frame)
        const c = third(row, frame)
        return a === null || b === null || c === null ? null : call(frame.context, a, b, c)
      }
    default:
      return (row, frame) => {
        const values = args.map((arg) => arg(row, frame))
        return values.includes(null) ? null : call(frame.context, ...values)
      }
  }
}

function looseCall(call: Function, args: readonly Evaluate[]): LooseEvaluate {
  return (row, frame) => call(frame.context, ...args.map((arg) => arg(row, frame)))
}
