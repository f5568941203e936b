import type { ExpressionPlace, QueryScope } from './scope.ts'

/** What may stand where, and PostgreSQL's words for what may not. */

const names: Readonly<Record<ExpressionPlace, string>> = {
  SELECT: 'SELECT',
  WHERE: 'WHERE',
  HAVING: 'HAVING',
  FILTER: 'FILTER',
  'GROUP BY': 'GROUP BY',
  'ORDER BY': 'ORDER BY',
  'DISTINCT ON': 'DISTINCT ON',
  'JOIN/ON': 'JOIN conditions',
  'JOIN/USING': 'JOIN conditions',
  LIMIT: 'LIMIT',
  OFFSET: 'OFFSET',
  VALUES: 'VALUES',
  INSERT: 'VALUES',
  UPDATE: 'UPDATE',
  RETURNING: 'RETURNING',
  FROM: 'FROM clause of their own query level',
  'function in FROM': 'functions in FROM',
  DEFAULT: 'DEFAULT expressions',
  CHECK: 'check constraints',
  'index expression': 'index expressions',
  'generation expression': 'column generation expressions',
  EXECUTE: 'EXECUTE parameters',
}

const aggregatesAllowed = new Set<ExpressionPlace>(['SELECT', 'HAVING', 'ORDER BY', 'DISTINCT ON'])
const setsAllowed = new Set<ExpressionPlace>(['SELECT', 'GROUP BY', 'ORDER BY', 'DISTINCT ON', 'INSERT', 'function in FROM'])

const subqueryRefusals: Readonly<Partial<Record<ExpressionPlace, string>>> = {
  DEFAULT: 'cannot use subquery in DEFAULT expression',
  CHECK: 'cannot use subquery in check constraint',
  'index expression': 'cannot use subquery in index expression',
  'generation expression': 'cannot use subquery in column generation expression',
  EXECUTE: 'cannot use subquery in EXECUTE parameter',
}

export function requireAggregatesAllowed(scope: QueryScope, location: number): void {
  if (aggregatesAllowed.has(scope.place)) return
  throw scope.statement.error('42803', `aggregate functions are not allowed in ${names[scope.place]}`, location)
}

export function requireSetsAllowed(scope: QueryScope, location: number): void {
  if (setsAllowed.has(scope.place)) return
  throw scope.statement.error('0A000', `set-returning functions are not allowed in ${names[scope.place]}`, location)
}

export function requireSubqueriesAllowed(scope: QueryScope, location: number): void {
  const refusal = subqueryRefusals[scope.place]
  if (refusal !== undefined) throw scope.statement.error('0A000', refusal, location)
}

export function requireColumnsAllowed(scope: QueryScope, location: number): void {
  if (scope.place === 'DEFAULT')
    throw scope.statement.error('0A000', 'cannot use column reference in DEFAULT expression', location)
}
