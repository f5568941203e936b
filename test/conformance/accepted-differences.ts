/**
 * Where taudb answers otherwise than PostgreSQL 16 and means to. Each entry must still be needed, and holds only while taudb answers as it
 * says: another wrong answer to the same statement is a difference.
 */
export interface AcceptedDifference {
  /** `file.sql`, or undefined for every file. */
  readonly file?: string
  /** The statement, or a pattern that it matches. */
  readonly statement: string | RegExp
  /** What a line of taudb's answer says. */
  readonly answer: string | RegExp
  readonly reason: string
}

export const acceptedDifferencesMax = 60

/** 0A000 with the feature's name: nothing is half done. */
const refusal = (feature: string, statement: string | RegExp, file?: string): AcceptedDifference => ({
  ...(file !== undefined && { file }),
  statement,
  answer: `message ${feature} is not supported`,
  reason: `${feature}: refused by name.`,
})

export const acceptedDifferences: readonly AcceptedDifference[] = [
  {
    file: 'dml-insert.sql',
    statement: "insert into pg_class (relname) values ('x')",
    answer: 'code 42501',
    reason: 'The system catalogs are views of our catalog: nobody writes into them, not even a superuser.',
  },
  {
    file: 'type-integer.sql',
    statement: 'select 12abc',
    answer: 'message trailing junk after numeric literal at or near "12a"',
    reason: 'The grammar of libpg-query 16.7.3 is of an earlier 16.x, which names one character of the junk less.',
  },
  {
    file: 'type-oid.sql',
    statement: "select 'upper'::regproc",
    answer: /^row /,
    reason: 'There are no ranges and no upper(anyrange), so that the name means one function.',
  },
  {
    statement: /^select (max\(sales\)|e, d\.id) from/,
    answer: /^(columns "e":2249:-1 |message function max\(record\) does not exist)/,
    reason: 'Tables have no row types of their own: a whole row is a record, with the same text and the same fields.',
  },
  {
    file: 'ddl-alter.sql',
    statement: /set statistics 50|set \(fillfactor = 70\)/,
    answer: /^message .* has no effect and is ignored$/,
    reason: 'Storage parameters and statistics targets mean nothing to this storage: said aside, as a NOTICE.',
  },
  refusal('a window function', /\bover\b/),
  refusal('WITHIN GROUP', /\bwithin group\b/),
  refusal('GROUPING SETS', /\b(grouping sets|rollup|cube)\b/),
  refusal('GROUPING', /\bgrouping\(/),
  refusal('TABLESAMPLE', /\btablesample\b/),
  refusal('SEARCH and CYCLE', /^with recursive .* (search depth|cycle id)/),
  refusal('WHERE CURRENT OF', /\bcurrent of\b/),
  refusal('XML', /\bis document$/),
  refusal('IS JSON', /\bis json\b/),
  refusal('type bit', /::bit\(8\)/),
  refusal('the function jsonb_path_query', /^select jsonb_path_query/),
  refusal('the operator @?', /@\?/),
  refusal('function pg_column_size("any")', /pg_column_size/),
  refusal('isolation level SERIALIZABLE', /isolation.*serializable/),
  refusal('LOCK TABLE', /^lock table/),
  ...['CHECKPOINT', 'LISTEN', 'NOTIFY', 'GRANT', 'REVOKE', 'CREATE ROLE', 'DROP ROLE', 'CREATE FUNCTION'].map((verb) =>
    refusal(verb, new RegExp(`^${verb.toLowerCase()}\\b`), 'session-prepared-cursor.sql'),
  ),
  ...['CREATE EXTENSION', 'CREATE DATABASE', 'DO', 'CALL'].map((verb) =>
    refusal(verb, new RegExp(`^${verb.toLowerCase()}\\b`), 'session-prepared-cursor.sql'),
  ),
]
