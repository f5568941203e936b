import { metrics } from './metrics.ts'
import { counter, type Family, gauge, histogram, sample, samplesOf } from './prometheus.ts'

/** Where one partition's journal ends, and how far this process's storage has come. Undefined: it does not follow. */
export interface Position {
  readonly partition: number
  readonly sequence: number
  readonly applied: number | undefined
  readonly synced: number | undefined
  /** This process owns the partition, in this epoch. */
  readonly epoch: number | undefined
}

/** What is not counted as it happens but read when somebody asks. */
export interface Reading {
  readonly version: string
  readonly sessions: number
  readonly positions: readonly Position[]
  readonly memory: { readonly rss: number; readonly heapUsed: number; readonly external: number }
  readonly cpuSeconds: number
  readonly startedSeconds: number
  readonly traces: { readonly sent: number; readonly dropped: number } | undefined
}

export function families(reading: Reading): Family[] {
  return [...transactionFamilies(), ...circleFamilies(reading), ...processFamilies(reading)]
}

function transactionFamilies(): Family[] {
  const { reads, commits, conflicts, errors, rollbacks } = metrics
  return [
    counter(
      'taudb_transactions_total',
      'Transactions that ended, by outcome.',
      sample(reads, { outcome: 'read' }),
      sample(commits, { outcome: 'commit' }),
      sample(conflicts, { outcome: 'conflict' }),
      sample(errors, { outcome: 'error' }),
      sample(rollbacks, { outcome: 'rollback' }),
    ),
    histogram(
      'taudb_read_duration_seconds',
      'From the first message to the last answer of transactions that changed nothing.',
      metrics.readMicros,
    ),
    histogram('taudb_commit_duration_seconds', 'From the commit request to its verdict.', metrics.commitMicros),
    counter('taudb_errors_total', 'Errors told to clients, by SQLSTATE.', ...samplesOf(metrics.errorCodes.counts, 'sqlstate')),
    counter(
      'taudb_conflicts_total',
      'Refusals of the adjudicator by table, repeated statements included.',
      ...samplesOf(metrics.conflictTables.counts, 'table'),
    ),
    gauge('taudb_hot_key_conflicts', 'Conflicts on the keys that conflict most.', ...hotKeys()),
    counter(
      'taudb_plan_cache_lookups_total',
      'Statements planned, by whether the plan was known.',
      sample(metrics.plansFound, { result: 'hit' }),
      sample(metrics.plansMade, { result: 'miss' }),
    ),
  ]
}

function hotKeys() {
  return [...metrics.hotKeys.counts].map(([name, value]) => {
    const space = name.indexOf(' ')
    return sample(value, { table: name.slice(0, space), key: name.slice(space + 1) })
  })
}

function circleFamilies({ positions, sessions, traces }: Reading): Family[] {
  const by = (pick: (position: Position) => number | undefined) =>
    positions.flatMap((position) => {
      const value = pick(position)
      return value === undefined ? [] : [sample(value, { partition: String(position.partition) })]
    })
  return [
    gauge('taudb_sessions', 'Clients that are connected.', sample(sessions)),
    counter('taudb_sessions_accepted_total', 'Clients that were let in.', sample(metrics.clientsAccepted)),
    histogram(
      'taudb_record_transactions',
      'Transactions in a journal record: how many share one append.',
      metrics.recordTransactions,
    ),
    histogram('taudb_append_duration_seconds', 'From sending a journal record to its acknowledgement.', metrics.appendMicros),
    gauge('taudb_journal_sequence', 'The last entry of the journal that this process knows.', ...by(({ sequence }) => sequence)),
    gauge('taudb_owned_epoch', 'The epoch in which this process owns the partition.', ...by(({ epoch }) => epoch)),
    gauge(
      'taudb_storage_lag_entries',
      'Entries of the journal that storage has not applied.',
      ...by(({ sequence, applied }) => (applied === undefined ? undefined : Math.max(0, sequence - applied))),
    ),
    gauge(
      'taudb_storage_unsynced_entries',
      'Entries of the journal that storage has not synced to disk.',
      ...by(({ sequence, synced }) => (synced === undefined ? undefined : Math.max(0, sequence - synced))),
    ),
    counter('taudb_invariant_alarms_total', 'Violations of the commit protocol that the monitor has seen.', ...alarms()),
    ...(traces === undefined
      ? []
      : [
          counter(
            'taudb_spans_exported_total',
            'Spans that were to leave over OTLP, by result.',
            sample(traces.sent, { result: 'sent' }),
            sample(traces.dropped, { result: 'dropped' }),
          ),
        ]),
  ]
}

/** Zero is worth saying: an alert needs something to compare with. */
function alarms() {
  const told = samplesOf(metrics.alarms.counts, 'invariant')
  return told.length > 0 ? told : [sample(0, { invariant: 'any' })]
}

function processFamilies({ version, memory, cpuSeconds, startedSeconds }: Reading): Family[] {
  return [
    gauge('taudb_build_info', 'Always 1; the label tells the version.', sample(1, { version })),
    counter('process_cpu_seconds_total', 'CPU time of user and system.', sample(cpuSeconds)),
    gauge('process_start_time_seconds', 'When the process began, since the Unix epoch.', sample(startedSeconds)),
    gauge('process_resident_memory_bytes', 'Memory that the process holds.', sample(memory.rss)),
    gauge('taudb_heap_bytes', 'JavaScript objects.', sample(memory.heapUsed)),
    gauge('taudb_external_memory_bytes', 'Buffers outside the heap.', sample(memory.external)),
  ]
}
