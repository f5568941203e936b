/** What `taudb status` shows of what it has seen, and what it misses. */
import { expect, test } from 'vitest'
import { statusOf } from '../../../actors/status.ts'
import type { Survey } from '../../../bus/nats-survey.ts'
import { epoch, partition, sequence } from '../../../protocol/ids.ts'
import type { Present } from '../../../protocol/messages.ts'

const process = (name: string, roles: readonly string[], more: Partial<Present> = {}): Present => ({
  kind: 'present',
  clock: 0,
  call: '',
  process: name,
  roles,
  serves: true,
  upMs: 90_000,
  listens: '',
  partitions: [],
  ...more,
})
const owns = (e: number | undefined, at?: number) => ({
  partition: partition(0),
  epoch: e === undefined ? undefined : epoch(e),
  applied: at === undefined ? undefined : sequence(at),
})
const whole: Survey = {
  database: { id: '3f0c', partitions: 1 },
  server: 'n1:4222, version 2.14.9',
  trouble: undefined,
  journals: [
    {
      partition: partition(0),
      last: 120,
      bytes: 3 * 2 ** 20,
      bytesMax: 2 ** 30,
      leader: 'n2',
      copies: ['n1', 'n2', 'n3'].map((server) => ({ server, isCurrent: true })),
    },
  ],
  present: [
    process('a:1', ['adjudicator'], { partitions: [owns(3)] }),
    process('b:1', ['adjudicator'], { partitions: [owns(2)] }),
    process('c:1', ['frontend', 'query-processor'], { listens: '0.0.0.0:5432', upMs: 11_000_000 }),
    process('d:1', ['storage', 'crossbar'], { partitions: [owns(undefined, 118)] }),
  ],
}

test('everything is there: nothing is missing, and who was deposed is a standby', () => {
  const { lines, missing } = statusOf(whole)
  expect(missing).toEqual([])
  expect(lines).toEqual([
    'database 3f0c, 1 partition, 1 shard, on n1:4222, version 2.14.9',
    '',
    'partition  owner  epoch  standbys  last record  journal           copies (* leads)',
    '0          a:1    3      b:1       120          3.0 MB, 0 % full  n1 n2* n3',
    '',
    'shard  replica  state   applied  lag',
    '0      d:1      serves  118      2 records',
    '',
    'process  state   up    listens on    roles',
    'a:1      serves  90 s  -             adjudicator',
    'b:1      serves  90 s  -             adjudicator',
    'c:1      serves  3 h   0.0.0.0:5432  frontend, query-processor',
    'd:1      serves  90 s  -             storage, crossbar',
  ])
})

test.each<[string, Partial<Survey>, readonly string[]]>([
  [
    'nobody is there but JetStream',
    { present: [] },
    [
      'partition 0 has no owner: start a process with the role adjudicator',
      'no storage serves: start a process with the role storage',
      'no frontend serves: start a process with the roles frontend,query-processor',
    ],
  ],
  [
    'a storage that only starts does not serve',
    { present: whole.present.map((one) => (one.process === 'd:1' ? { ...one, serves: false } : one)) },
    ['no storage serves: start a process with the role storage'],
  ],
  [
    'a server is away',
    { journals: whole.journals.map((one) => ({ ...one, copies: [{ server: 'n3', isCurrent: false }] })) },
    ["the copy of partition 0's journal on n3 is behind or away: bring that server back"],
  ],
  [
    'JetStream does not answer',
    { database: undefined, journals: [], trouble: 'timeout' },
    ['JetStream does not answer: timeout'],
  ],
])('%s', (_, change, missing) => {
  expect(statusOf({ ...whole, ...change }).missing).toEqual(missing)
})
