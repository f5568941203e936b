/** Where taudb answers otherwise than PostgreSQL 16 and means to. Each entry must still be needed. */
export interface AcceptedDifference {
  /** `file.sql`, or undefined for every file. */
  readonly file?: string
  /** The statement, or a pattern that it matches. */
  readonly statement: string | RegExp
  readonly reason: string
}

export const acceptedDifferencesMax = 60

export const acceptedDifferences: readonly AcceptedDifference[] = [
  {
    file: 'dml-insert.sql',
    statement: "insert into pg_class (relname) values ('x')",
    reason: 'The system catalogs are views of our catalog: nobody writes into them, not even a superuser.',
  },
  {
    file: 'type-integer.sql',
    statement: 'select 12abc',
    reason: 'The grammar of libpg-query 16.7.3 is of an earlier 16.x, which names one character of the junk less.',
  },
]
