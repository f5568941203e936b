import type { Plan } from '../plan/node.ts'
import type { Affected, Batch, Run } from './run.ts'

/** Carries a statement about one key out at once; undefined when it could not begin. */
export type PointStatement = (run: Run, affected: Affected) => Batch | undefined

export function preparePoint(_plan: Plan): PointStatement | undefined {
  return undefined
}
