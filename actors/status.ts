/** `taudb status`: what is there of a database on NATS, as a table, and what is missing. */
import type { Survey, SurveyedJournal } from '../bus/nats-survey.ts'
import type { Partition } from '../protocol/ids.ts'
import type { Present } from '../protocol/messages.ts'

export interface Status {
  readonly lines: readonly string[]
  /** One line each; none where everything is there. */
  readonly missing: readonly string[]
}

/** From what was seen to what is shown. */
export function statusOf(survey: Survey): Status {
  const { database, present, journals, trouble, server } = survey
  const partitions = Array.from({ length: database?.partitions ?? 0 }, (_, p) => p as Partition)
  const heading =
    database === undefined ? 'no database' : `database ${database.id}, ${counted(partitions.length, 'partition')}, 1 shard`
  return {
    lines: [
      `${heading}, on ${server}`,
      '',
      ...table(
        partitionHeads,
        partitions.map((partition) => partitionRow(partition, survey)),
      ),
      '',
      ...table(['shard', 'replica', 'state', 'applied', 'lag'], replicaRows(present, journals)),
      '',
      ...table(['process', 'state', 'up', 'listens on', 'roles'], present.map(processRow)),
    ],
    missing: missingFrom(survey, partitions, trouble),
  }
}

const partitionHeads = ['partition', 'owner', 'epoch', 'standbys', 'last record', 'journal', 'copies (* leads)']

function missingFrom(
  { database, present, journals }: Survey,
  partitions: readonly Partition[],
  trouble: string | undefined,
): string[] {
  const missing: string[] = []
  if (trouble !== undefined) missing.push(`JetStream does not answer: ${trouble}`)
  else if (database === undefined)
    missing.push('there is no database on these servers yet: start a process with the role adjudicator')
  for (const partition of partitions) {
    if (ownerOf(present, partition) === undefined)
      missing.push(`partition ${partition} has no owner: start a process with the role adjudicator`)
    const journal = journals.find((one) => one.partition === partition)
    if (journal === undefined) missing.push(`partition ${partition} has no journal`)
    for (const { server, isCurrent } of journal?.copies ?? [])
      if (!isCurrent)
        missing.push(
          `the copy of partition ${partition}'s journal on ${shortened(server)} is behind or away: bring that server back`,
        )
  }
  const has = (role: string): boolean => present.some(({ roles, serves }) => serves && roles.includes(role))
  if (!has('storage')) missing.push('no storage serves: start a process with the role storage')
  if (!has('frontend')) missing.push('no frontend serves: start a process with the roles frontend,query-processor')
  return missing
}

/** The one with the highest epoch: another one that says so has not heard yet that it was deposed. */
function ownerOf(
  present: readonly Present[],
  partition: Partition,
): { readonly process: string; readonly epoch: number } | undefined {
  let owner: { readonly process: string; readonly epoch: number } | undefined
  for (const { process, partitions } of present) {
    const epoch = partitions.find((one) => one.partition === partition)?.epoch
    if (epoch !== undefined && epoch > (owner?.epoch ?? -1)) owner = { process, epoch }
  }
  return owner
}

function partitionRow(partition: Partition, { present, journals }: Survey): string[] {
  const owner = ownerOf(present, partition)
  const standbys = present.filter(({ process, roles }) => roles.includes('adjudicator') && process !== owner?.process)
  const journal = journals.find((one) => one.partition === partition)
  const copies = journal?.copies.map(
    ({ server, isCurrent }) => `${shortened(server)}${server === journal.leader ? '*' : ''}${isCurrent ? '' : ' (behind)'}`,
  )
  return [
    String(partition),
    owner?.process ?? 'nobody',
    owner === undefined ? '-' : String(owner.epoch),
    standbys.map(({ process }) => process).join(' ') || '-',
    journal === undefined ? '-' : String(journal.last),
    journal === undefined ? '-' : `${size(journal.bytes)}, ${Math.round((journal.bytes / journal.bytesMax) * 100)} % full`,
    copies === undefined || copies.length === 0 ? '1' : copies.join(' '),
  ]
}

/** Positions were told before the journals were looked at: under load a lag shows that is none. */
function replicaRows(present: readonly Present[], journals: readonly SurveyedJournal[]): string[][] {
  const replicas = present.filter(({ roles }) => roles.includes('storage'))
  return replicas.map(({ process, serves, partitions }) => {
    const lags = partitions.map(({ partition, applied = 0 }) => {
      const last = journals.find((one) => one.partition === partition)?.last
      return last === undefined ? 0 : Math.max(0, last - applied)
    })
    const applied = partitions.map(({ partition, applied: at = 0 }) =>
      partitions.length === 1 ? String(at) : `${partition}:${at}`,
    )
    return ['0', process, stateOf(serves), applied.join(' '), counted(Math.max(0, ...lags), 'record')]
  })
}

function processRow({ process, roles, serves, upMs, listens }: Present): string[] {
  return [process, stateOf(serves), duration(upMs), listens || '-', roles.join(', ')]
}

/** A server without a name of its own has 56 characters. */
const shortened = (server: string): string => (server.length > 24 ? `${server.slice(0, 8)}…` : server)
const stateOf = (serves: boolean): string => (serves ? 'serves' : 'starts')
const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

function size(bytes: number): string {
  if (bytes < 2 ** 20) return `${Math.ceil(bytes / 2 ** 10)} kB`
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MB` : `${(bytes / 2 ** 30).toFixed(1)} GB`
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  if (seconds < 120) return `${seconds} s`
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.floor(seconds / 3_600)} h`
}

/** Columns as wide as what stands in them. */
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] as number))
      .join('  ')
      .trimEnd()
  return [line(heads), ...rows.map(line)]
}
