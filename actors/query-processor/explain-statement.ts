import { unsupported } from '../../protocol/errors.ts'
import type { PreparedStatement } from './prepared.ts'
import { plainColumn } from './result.ts'
import type { Session } from './session.ts'
import type { OutputColumn } from './sql/bind/bound.ts'
import type { Answer } from './statement.ts'
import type { Task } from './task.ts'

// biome-ignore lint/correctness/useYield: every verb is a task; this one never waits
export function* explain(_session: Session, _statement: PreparedStatement): Task<Answer> {
  throw unsupported('EXPLAIN')
}

export const describeExplain = (): readonly OutputColumn[] => [plainColumn('QUERY PLAN')]
