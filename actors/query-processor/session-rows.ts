import { SqlArray, type Value } from '../../protocol/values/value.ts'
import type { Session } from './session.ts'

type Row = { readonly [column: string]: Value }

/** Rows of system views that only the session knows; undefined: not one of them. */
export function sessionRows(session: Session, relation: string): Iterable<Row> | undefined {
  return relation === 'pg_prepared_statements' ? preparedStatements(session) : undefined
}

function* preparedStatements({ prepared }: Session): Iterable<Row> {
  for (const [name, statement] of prepared) {
    if (name === '') continue
    yield {
      name,
      statement: statement.parsed.text,
      prepare_time: statement.preparedAt,
      parameter_types: new SqlArray([...statement.parameterTypes]),
      result_types: statement.columns === undefined ? null : new SqlArray(statement.columns.map(({ type }) => type.oid)),
      from_sql: statement.isFromSql,
      // Plans depend on no parameter's value, and nobody counts them.
      generic_plans: 0n,
      custom_plans: 0n,
    }
  }
}
