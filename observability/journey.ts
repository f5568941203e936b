/**
 * The steps of a transaction, in order: the table of contents of this program. Span names, the headers of the files on the journey,
 * ARCHITECTURE.md and `test/journey.test.ts` are views of this list. `parent` is the step whose span encloses it or, where a message or a record carries
 * the trace on, caused it.
 */
export const journey = [
  {
    name: 'frontend.session',
    file: 'actors/frontend/session.ts',
    parent: undefined,
    attributes: ['client.address', 'db.user', 'db.namespace', 'taudb.late'],
  },
  {
    name: 'query-processor.statement',
    file: 'actors/query-processor/statement.ts',
    parent: 'frontend.session',
    attributes: ['db.system.name', 'db.query.text', 'db.response.status_code', 'taudb.rows'],
  },
  {
    name: 'query-processor.begin',
    file: 'actors/query-processor/transaction.ts',
    parent: 'query-processor.statement',
    attributes: ['taudb.tau_start'],
  },
  {
    name: 'storage.scan',
    file: 'actors/storage/scan.ts',
    parent: 'query-processor.statement',
    attributes: ['taudb.tau_start', 'taudb.keys_read', 'taudb.rows'],
  },
  {
    name: 'query-processor.commit',
    file: 'actors/query-processor/commit.ts',
    parent: 'query-processor.statement',
    attributes: [
      'taudb.transaction',
      'taudb.xact_id',
      'taudb.tau_start',
      'taudb.writes',
      'taudb.checks',
      'taudb.verdict',
      'taudb.tau_commit',
      'taudb.conflict_table',
    ],
  },
  {
    name: 'adjudicator.adjudicate',
    file: 'actors/adjudicator/adjudicate.ts',
    parent: 'query-processor.commit',
    attributes: ['taudb.tau_start', 'taudb.writes', 'taudb.checks', 'taudb.verdict', 'taudb.conflict_key'],
  },
  {
    name: 'journal.append',
    file: 'actors/journal/journal.ts',
    parent: 'query-processor.commit',
    attributes: ['taudb.tau_commit', 'taudb.transactions'],
  },
  {
    name: 'crossbar.route',
    file: 'actors/crossbar/route.ts',
    parent: 'query-processor.commit',
    attributes: ['taudb.tau_commit', 'taudb.sequence', 'taudb.shards'],
  },
  {
    name: 'storage.apply',
    file: 'actors/storage/apply.ts',
    parent: 'query-processor.commit',
    attributes: ['taudb.tau_commit', 'taudb.sequence', 'taudb.writes'],
  },
] as const

export type Step = (typeof journey)[number]['name']
