import { expect, test } from 'vitest'
import { Monitor } from '../../../actors/monitor.ts'
import { type Alarm, ProtocolWatch } from '../../../actors/protocol-watch.ts'
import { logTo } from '../../../observability/log.ts'
import { metrics } from '../../../observability/metrics.ts'
import { epoch, mapVersion, type Owner, partition, sequence } from '../../../protocol/ids.ts'
import type { Key } from '../../../protocol/key.ts'
import type { CommittedTransaction, JournalRecord, Mode } from '../../../protocol/messages.ts'
import { tau } from '../../../protocol/time.ts'
import { testWorld } from './driver.ts'

/** Every invariant with a journal that keeps it and one that does not: an alarm that nothing can raise is none. */

interface Made {
  readonly tau: number
  readonly epoch?: number
  readonly owner?: string
  readonly horizon?: number
  readonly partition?: number
  readonly transactions?: readonly CommittedTransaction[]
}

function record(made: Made, kind: 'commit' | 'epoch' | 'heartbeat' = 'commit'): JournalRecord {
  const head = {
    partition: partition(made.partition ?? 0),
    epoch: epoch(made.epoch ?? 1),
    owner: (made.owner ?? 'a') as Owner,
    mapVersion: mapVersion(1),
    tau: tau(made.tau),
    horizon: tau(made.horizon ?? 1_000),
    prevHash: '',
  }
  if (kind === 'commit') return { ...head, kind, transactions: made.transactions ?? [] }
  return {
    ...head,
    kind: 'heartbeat',
    released: false,
    ...(kind === 'epoch' && { kind: 'epoch', ranges: [] }),
  } as unknown as JournalRecord
}

let counter = 0
/** `marks` as `X a, N b` for writes; `checks` in the same way. */
function transaction(start: number, marks: string, checks = '', id = ++counter): CommittedTransaction {
  const read = (text: string): { mode: Mode; key: Key }[] =>
    text === '' ? [] : text.split(', ').map((mark) => ({ mode: mark[0] as Mode, key: `\0\0\0\0${mark.slice(2)}` as Key }))
  return {
    id: { leader: partition(0), epoch: epoch(1), boot: 'boot', counter: id },
    tauStart: tau(start),
    writes: read(marks).map((mark) => ({ ...mark, operation: 'update', postImage: undefined })),
    checks: read(checks),
    traceparent: '',
  }
}

function alarms(records: readonly JournalRecord[]): string[] {
  const raised: Alarm[] = []
  const watch = new ProtocolWatch({ keysMax: 100, idsMax: 100 }, (alarm) => raised.push(alarm))
  for (const [i, one] of records.entries()) watch.accept(one, sequence(i + 1))
  return raised.map(({ invariant, sequence: at }) => `${invariant} at ${at}`)
}

const of = (at: number, ...transactions: CommittedTransaction[]): JournalRecord => record({ tau: at, transactions })
const elsewhere = (at: number, ...transactions: CommittedTransaction[]): JournalRecord =>
  record({ tau: at, transactions, partition: 1 })

test.each<[string, readonly JournalRecord[], readonly string[]]>([
  ['tau rises', [of(10), of(11)], []],
  ['tau stands', [of(10), of(10)], ['MonotoneTau at 2']],
  ['tau above its horizon', [record({ tau: 10, horizon: 9 })], ['MonotoneTau at 1']],
  ['the horizon falls', [record({ tau: 10, horizon: 90 }), record({ tau: 11, horizon: 80 })], ['MonotoneTau at 2']],
  ['a claim', [of(10), record({ tau: 1_001, epoch: 2, owner: 'b', horizon: 2_000 }, 'epoch')], []],
  ['two owners of an epoch', [of(10), record({ tau: 11, owner: 'b' })], ['SingleWriter at 2']],
  ['an epoch that nobody claimed', [of(10), record({ tau: 1_001, epoch: 2, owner: 'b', horizon: 2_000 })], ['SingleWriter at 2']],
  [
    'an epoch that comes back',
    [record({ tau: 10, epoch: 2 }), record({ tau: 1_001, epoch: 1, horizon: 2_000 }, 'epoch')],
    ['SingleWriter at 2'],
  ],
  ['a claim below the horizon', [of(10), record({ tau: 900, epoch: 2, owner: 'b' }, 'epoch')], ['FloorSound at 2']],
  [
    'begun below the floor, and at it',
    [
      of(10),
      record({ tau: 1_500, epoch: 2, owner: 'b', horizon: 2_000 }, 'epoch'),
      record({ tau: 1_600, epoch: 2, owner: 'b', horizon: 2_000, transactions: [transaction(1_000, 'X a')] }),
      record({ tau: 1_700, epoch: 2, owner: 'b', horizon: 2_000, transactions: [transaction(999, 'X b')] }),
    ],
    ['FloorSound at 4'],
  ],
  ['an id twice', [of(10, transaction(5, 'X a', '', 77)), elsewhere(20, transaction(15, 'X b', '', 77))], ['AtMostOnce at 2']],
  ['begun when it committed', [of(10, transaction(10, 'X a'))], ['BeganBefore at 1']],
  ['one after the other', [of(10, transaction(5, 'X a')), of(20, transaction(10, 'X a'))], []],
  ['at the same time', [of(10, transaction(5, 'X a')), of(20, transaction(9, 'X a'))], ['FirstCommitterWins at 2']],
  ['in one record', [of(10, transaction(5, 'N a'), transaction(6, 'N a'))], ['FirstCommitterWins at 1']],
  [
    'in two journals, the later one first',
    [elsewhere(20, transaction(9, 'X a')), of(10, transaction(5, 'X a'))],
    ['FirstCommitterWins at 2'],
  ],
  ['in two journals, one after the other', [elsewhere(20, transaction(10, 'X a')), of(10, transaction(5, 'X a'))], []],
  ['two shares', [of(10, transaction(5, 'X p', 'S a')), of(20, transaction(6, 'X q', 'S a'))], []],
  ['a share and an update beside it', [of(10, transaction(5, 'X p', 'S a')), of(20, transaction(6, 'N a'))], []],
  [
    'a share and a delete beside it',
    [of(10, transaction(5, 'X p', 'S a')), of(20, transaction(6, 'X a'))],
    ['FirstCommitterWins at 2'],
  ],
  [
    'a delete and a share beside it',
    [of(10, transaction(5, 'X a')), of(20, transaction(6, 'X p', 'S a'))],
    ['FirstCommitterWins at 2'],
  ],
  ['entries that are not checked', [of(10, transaction(5, 'E a')), of(20, transaction(6, 'E a'))], []],
  ['what was read is written later', [of(10, transaction(5, 'X p', 'R a')), of(20, transaction(6, 'X a'))], []],
  ['what was read was written before', [of(10, transaction(5, 'X a')), of(20, transaction(6, 'X p', 'R a'))], ['ReadCheck at 2']],
  ['read, then written in one record', [of(10, transaction(5, 'X p', 'R a'), transaction(6, 'N a'))], []],
  ['written, then read in one record', [of(10, transaction(6, 'N a'), transaction(5, 'X p', 'R a'))], ['ReadCheck at 1']],
  [
    'written in another journal before it was read here',
    [of(20, transaction(5, 'X p', 'R a')), elsewhere(10, transaction(6, 'N a'))],
    ['ReadCheck at 2'],
  ],
])('%s', (_, records, raised) => {
  expect(alarms(records)).toEqual(raised)
})

test('memory is bounded: what lies far back is not compared with', () => {
  const records = [of(10, transaction(5, 'X a'))]
  for (let i = 0; i < 300; i++) records.push(of(20 + i, transaction(19 + i, `X key ${i}`)))
  records.push(of(900, transaction(6, 'X a')))
  expect(alarms(records)).toEqual([])
})

test('a busy second has its first keys looked at, the next one again', () => {
  const raised: Alarm[] = []
  const watch = new ProtocolWatch({ keysMax: 100, idsMax: 100, keysPerSecondMax: 2 }, (alarm) => raised.push(alarm))
  const at = (tauCommit: number, start: number, sequenceAt: number): void =>
    watch.accept(record({ tau: tauCommit, horizon: 1e7, transactions: [transaction(start, 'X a')] }), sequence(sequenceAt))
  at(1_000_010, 1_000_005, 1)
  at(1_000_020, 1_000_005, 2)
  at(1_000_030, 1_000_005, 3)
  at(2_000_010, 1_000_005, 4)
  expect(raised.map((alarm) => alarm.sequence)).toEqual([2, 4])
})

test('storage goes forward, and never beyond its journal', () => {
  const raised: string[] = []
  const monitor = new Monitor(testWorld(), ({ detail }) => raised.push(detail))
  const look = (last: number, applied: number, synced?: number): void =>
    monitor.look({ partition: 0, sequence: last, applied, synced, epoch: undefined })
  look(10, 8, 7)
  look(10, 10, 8)
  expect(raised).toEqual([])
  look(10, 11)
  look(12, 9)
  look(12, 9, 10)
  expect(raised).toEqual([
    'storage has applied entry 11, and the journal ends with 10',
    'storage stands at entry 9, and stood at 11',
    'storage has synced entry 10 and applied 9',
  ])
})

test('an alarm is a line in the log and a count for Prometheus', () => {
  const lines: string[] = []
  const close = logTo({ level: 'error', format: 'json', now: () => 0, write: (line) => lines.push(line) })
  const before = metrics.alarms.counts.get('Position') ?? 0
  new Monitor(testWorld()).look({ partition: 0, sequence: 1, applied: 2, synced: undefined, epoch: undefined })
  close()
  expect(metrics.alarms.counts.get('Position')).toBe(before + 1)
  expect(JSON.parse(lines.join(''))).toMatchObject({
    level: 'error',
    message: 'an invariant of the commit protocol does not hold',
    invariant: 'Position',
    partition: 0,
    entry: 2,
  })
  metrics.alarms.counts.delete('Position')
})
