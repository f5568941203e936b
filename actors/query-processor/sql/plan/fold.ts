import { SqlError } from '../../../../protocol/errors.ts'
import { outputDefaults } from '../../../../protocol/values/type.ts'
import type { Expr } from '../bind/bound.ts'
import { withChildren } from '../bind/walk.ts'
import { callableOf } from '../execute/callable.ts'
import { emptyRow, type Frame } from '../execute/frame.ts'
import { procedureByOid } from '../functions/procedures.ts'
import { renumbering } from './renumbering.ts'
import { sqlType } from './sql-type.ts'

/** What an immutable function may look at: nothing of a session. */
const folding = {
  context: {
    settings: { ...outputDefaults, now: 0n },
    aside: {
      canWait: true,
      call: () => {
        throw notNow
      },
    },
  },
} as unknown as Frame

/** What takes long is done when it is reached. */
const notNow = new SqlError('XX000', 'a call with huge values is not carried out by the planner')

type Constant = Extract<Expr, { kind: 'constant' }>
const isConstant = (expr: Expr): expr is Constant => expr.kind === 'constant'

/** Immutable calls over constants become constants. One that fails stays: it fails when, and only if, it is reached. */
export function fold(expr: Expr): Expr {
  const folded = expr.kind === 'subquery' ? expr : withChildren(expr, fold)
  switch (folded.kind) {
    case 'call': {
      if (folded.returnsSet || !folded.arguments.every(isConstant)) return folded
      const procedure = procedureByOid(folded.procedure)
      if (procedure === undefined || procedure.volatility !== 'i' || procedure.kind !== 'function') return folded
      // Said to be immutable, and counts days of the session's zone.
      if (procedure.source === 'timestamptz_age') return folded
      return attempt(folded, () => {
        const types = { arguments: folded.arguments.map((argument) => argument.type), result: folded.type }
        const args = folded.arguments.map((argument) => () => (argument as Constant).value)
        return callableOf(folded.procedure, types, folded.at).evaluate(args)(emptyRow, folding)
      })
    }
    case 'relabel': {
      const { argument, type } = folded
      if (!isConstant(argument)) return folded
      const renumber = renumbering(argument.type.oid, type.oid)
      return { ...argument, type, value: renumber === undefined ? argument.value : renumber(argument.value) }
    }
    case 'typmod': {
      const { argument, type, explicit } = folded
      if (!isConstant(argument)) return folded
      return attempt(folded, () =>
        argument.value === null
          ? null
          : (sqlType(type.oid).coerceTypmod?.(argument.value, type.typmod, explicit) ?? argument.value),
      )
    }
    case 'not':
      if (!isConstant(folded.argument)) return folded
      return { kind: 'constant', type: folded.type, value: folded.argument.value === null ? null : !folded.argument.value }
    case 'and':
    case 'or':
      return connective(folded)
    default:
      return folded
  }
}

function attempt(expr: Expr, compute: () => Constant['value'] | Promise<unknown>): Expr {
  try {
    const value = compute()
    return value instanceof Promise ? expr : { kind: 'constant', type: expr.type, value: value as Constant['value'] }
  } catch (error) {
    if (error instanceof SqlError || error instanceof TypeError) return expr
    throw error
  }
}

function connective(expr: Extract<Expr, { kind: 'and' | 'or' }>): Expr {
  const decisive = expr.kind === 'or'
  const rest: Expr[] = []
  for (const argument of expr.arguments) {
    if (isConstant(argument) && argument.value === decisive) return { kind: 'constant', type: expr.type, value: decisive }
    if (isConstant(argument) && argument.value === !decisive) continue
    rest.push(argument)
  }
  const [first] = rest
  if (first === undefined) return { kind: 'constant', type: expr.type, value: !decisive }
  return rest.length === 1 ? first : { ...expr, arguments: rest }
}
