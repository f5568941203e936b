import type { Expr } from '../bind/bound.ts'
import { children } from '../bind/walk.ts'
import { procedureByOid } from '../functions/procedures.ts'

/** Functions that may answer with a promise, by pg_proc.prosrc or name. */
const mayWait = /^(nextval|setval|setval3|pg_sleep|pg_xact_status|txid_status)/

/** Whether evaluation can need something that is not there at once. Then every volatile call in it is done once a row, whatever is retried. */
export function waits(expr: Expr): boolean {
  if (expr.kind === 'subquery') return true
  if (expr.kind === 'call') {
    const procedure = procedureByOid(expr.procedure)
    if (procedure?.volatility === 'v' && mayWait.test(procedure.name)) return true
  }
  return children(expr).some(waits)
}
