import { notice } from '../../../../protocol/errors.ts'
import { type Interval, intervalSpan } from '../../../../protocol/values/interval.ts'
import type { FunctionContext, Implementations } from './registry.ts'

/** Functions that act on a session: they make it wait, end what another one does, or tell which transaction it runs. */

/** Until then; a time that has passed is no wait, and one without end lasts until the statement is canceled. */
function sleepMicros(context: FunctionContext, micros: number): '' | Promise<''> {
  if (!(micros > 0)) return ''
  return context.sleep(micros / 1_000).then(() => '')
}

function toOther(context: FunctionContext, pid: number, act: (pid: number) => boolean): boolean {
  if (act(pid)) return true
  context.notice(notice(`PID ${pid} is not a PostgreSQL backend process`, { severity: 'WARNING' }, '01000'))
  return false
}

export const backendFunctions: Implementations = {
  scalar: {
    pg_sleep: (context, seconds: number) => sleepMicros(context, seconds * 1_000_000),
    pg_sleep_for: (context, interval: Interval) => sleepMicros(context, Number(intervalSpan(interval))),
    pg_sleep_until: (context, until: bigint | number) => sleepMicros(context, Number(until) - Number(context.clockTime())),
    pg_cancel_backend: (context, pid: number) => toOther(context, pid, (id) => context.cancelBackend(id)),
    pg_terminate_backend: (context, pid: number) => toOther(context, pid, (id) => context.terminateBackend(id)),
    // Nobody can hold one, and connection pools ask for this whenever they take a session back.
    pg_advisory_unlock_all: () => '',
    pg_current_xact_id: (context) => context.transactionId(),
    pg_current_xact_id_if_assigned: (context) => context.transactionIdIfAssigned(),
    pg_xact_status: (context, id: bigint) => context.transactionStatus(id),
  },
}
