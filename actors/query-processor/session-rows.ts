import type { MaybePromise } from '../../bus/bus.ts'
import type { RecordedTrace } from '../../observability/recorder.ts'
import { sqlTime } from '../../protocol/time.ts'
import { SqlArray, type Value } from '../../protocol/values/value.ts'
import type { PreparedStatement } from './prepared.ts'
import type { Session } from './session.ts'
import { settingRows } from './setting-rows.ts'
import { roleOid } from './sql/catalog/system/record.ts'

interface Row {
  readonly [column: string]: Value
}

const postgresDatabaseOid = 5

/** The rows of system views that tell what sessions of this process are at; undefined: it is none of them. */
export function sessionRows(session: Session, relation: string): Iterable<Row> | undefined {
  switch (relation) {
    case 'pg_prepared_statements':
      return [...session.prepared].filter(([name]) => name !== '').map(([name, statement]) => preparedRow(name, statement))
    case 'pg_cursors':
      return cursorRows(session)
    case 'pg_stat_activity':
      return [...session.runtime.sessions].map(activityRow)
    case 'pg_settings':
      return settingRows(session.settings)
    default:
      return undefined
  }
}

function preparedRow(name: string, statement: PreparedStatement): Row {
  const { columns } = statement
  return {
    name,
    statement: statement.parsed.text,
    prepare_time: statement.preparedAt,
    parameter_types: new SqlArray([...statement.parameterTypes]),
    result_types: columns === undefined ? null : new SqlArray(columns.map(({ type }) => type.oid)),
    from_sql: statement.isFromSql,
    // A plan never depends on the values of its parameters.
    generic_plans: BigInt(statement.runs),
    custom_plans: 0n,
  }
}

function* cursorRows({ cursors, portals }: Session): Iterable<Row> {
  for (const [name, { said }] of cursors) {
    yield {
      name,
      statement: said.text,
      is_holdable: said.isHeld,
      is_binary: false,
      is_scrollable: !said.isForwardOnly,
      creation_time: said.madeAt,
    }
  }
  for (const [name, { source, madeAt }] of portals) {
    yield {
      name,
      statement: source.statement.parsed.text,
      is_holdable: false,
      is_binary: source.formats[0] === 1,
      is_scrollable: false,
      creation_time: madeAt,
    }
  }
}

/** sys.spans */
export function spanRows({ runtime }: Session): MaybePromise<Iterable<Row>> {
  const traces = runtime.recentTraces()
  return traces instanceof Promise ? traces.then(rowsOfTraces) : rowsOfTraces(traces)
}

/** The order of attributes is that in which they were said. */
function* rowsOfTraces(traces: readonly RecordedTrace[]): Iterable<Row> {
  for (const { spans } of traces) {
    for (const { traceId, spanId, parentId, name, startMicros, endMicros, attributes, failure } of spans) {
      yield {
        trace_id: traceId,
        span_id: spanId,
        parent_id: parentId ?? null,
        name,
        start_time: sqlTime(startMicros),
        duration_us: endMicros === undefined ? null : BigInt(Math.round(endMicros - startMicros)),
        attributes: JSON.stringify(attributes),
        failure: failure ?? null,
      }
    }
  }
}

function activityRow({ activity, block, settings, user, database, backendId, statementTime, transactionTime }: Session): Row {
  const waits = activity.restedAt !== undefined
  const idle =
    block.state === 'failed' ? 'idle in transaction (aborted)' : block.state === 'block' ? 'idle in transaction' : 'idle'
  return {
    datid: postgresDatabaseOid,
    datname: database,
    pid: backendId,
    usesysid: roleOid(user),
    usename: user,
    application_name: settings.value('application_name') ?? '',
    client_port: -1,
    backend_start: activity.startedAt,
    xact_start: block.hasTransaction ? transactionTime : null,
    query_start: activity.query === '' ? null : statementTime,
    state_change: activity.restedAt === undefined ? statementTime : sqlTime(activity.restedAt),
    wait_event_type: waits ? 'Client' : null,
    wait_event: waits ? 'ClientRead' : null,
    state: waits ? idle : 'active',
    query: activity.query,
    backend_type: 'client backend',
  }
}
