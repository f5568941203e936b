import { expect, test } from 'vitest'
import { route } from '../../../actors/crossbar/route.ts'
import { singleMap } from '../../../actors/topology.ts'
import { epoch, mapVersion, type Owner, partition, sequence } from '../../../protocol/ids.ts'
import { keyEnd, keyStart } from '../../../protocol/key.ts'
import type { JournalRecord, Write } from '../../../protocol/messages.ts'
import { tau } from '../../../protocol/time.ts'
import { k, write } from '../circle/driver.ts'

const head = {
  partition: partition(0),
  epoch: epoch(1),
  owner: '0123456789abcdef' as Owner,
  mapVersion: mapVersion(1),
  tau: tau(10),
  horizon: tau(20),
  prevHash: '',
}

function commit(...transactions: readonly (readonly Write[])[]): JournalRecord {
  const id = { leader: partition(0), epoch: epoch(1), boot: '12345678' }
  return {
    ...head,
    kind: 'commit',
    transactions: transactions.map((writes, i) => ({
      id: { ...id, counter: i },
      tauStart: tau(1),
      writes,
      checks: [],
      traceparent: i === 0 ? 'traced' : '',
    })),
  }
}

const said = (record: JournalRecord, map = singleMap): string[] =>
  route(record, sequence(7), map).map(
    ([{ shard }, images]) =>
      `shard ${shard}: ${images.sequence} at ${images.tau} [${[...images.writes].map(({ key }) => key.slice(4))}] ${images.traceparents}`,
  )

const halves = {
  ...singleMap,
  shards: [
    { shard: 0, range: { start: keyStart, end: k('m') } },
    { shard: 1, range: { start: k('m'), end: keyEnd } },
  ],
}

test('the writes of all transactions go to the shard of their key, in the order of their commit', () => {
  const record = commit([write('z', '1'), write('a', '1')], [write('b', '2')], [write('m', '3')])
  expect(said(record)).toEqual(['shard 0: 7 at 10 [z,a,b,m] traced'])
  expect(said(record, halves)).toEqual(['shard 0: 7 at 10 [a,b] traced', 'shard 1: 7 at 10 [z,m] traced'])
})

test('every shard hears of every record, so that its position moves', () => {
  expect(said(commit([write('a', '1')]), halves)).toEqual(['shard 0: 7 at 10 [a] traced', 'shard 1: 7 at 10 [] traced'])
  expect(said({ ...head, kind: 'heartbeat', released: false }, halves)).toEqual(['shard 0: 7 at 10 [] ', 'shard 1: 7 at 10 [] '])
})
