import { describe, expect, test } from 'vitest'
import { checkHistory, type HistoryEntry, type Operation } from '../../simulation/history.ts'

/** `t(1, 'x+1 y=2,3')`: transaction 1 appends 1 to x and reads y as [2, 3]. Overlapping in real time unless `at` says otherwise. */
function t(
  id: number,
  script: string,
  outcome: HistoryEntry['outcome'] = 'committed',
  at: [number, number] = [0, 1_000],
): HistoryEntry {
  const operations = script.split(' ').map((word): Operation => {
    const [, key, sign, rest] = /^(\w+)([+=])(.*)$/.exec(word) ?? []
    if (sign === '+') return { kind: 'append', key: key as string, value: Number(rest) }
    return { kind: 'read', key: key as string, values: rest === '' ? [] : (rest as string).split(',').map(Number) }
  })
  return { id, operations, outcome, began: at[0], ended: at[1] }
}

const names = (...history: HistoryEntry[]): string[] => [...new Set(checkHistory(history).anomalies.map(({ name }) => name))]

describe('what strong snapshot isolation forbids', () => {
  test.each<[string, string, HistoryEntry[]]>([
    ['G0: writes interleave', 'cycle', [t(1, 'x+1 y+1'), t(2, 'x+2 y+2'), t(3, 'x=1,2 y=2,1')]],
    ['G1a: an aborted write is seen', 'G1a', [t(1, 'x+1', 'aborted'), t(2, 'x=1')]],
    ['G1a: a value out of nowhere', 'G1a', [t(2, 'x=9')]],
    ['G1b: an intermediate version is seen', 'G1b', [t(1, 'x+1 x+2'), t(2, 'x=1'), t(3, 'x=1,2')]],
    ['G1c: circular information flow', 'cycle', [t(1, 'x+1 y=2'), t(2, 'y+2 x=1')]],
    ['G-single: read skew', 'cycle', [t(1, 'x+1 y+1'), t(2, 'x= y=1'), t(3, 'x=1 y=1')]],
    ['lost update', 'cycle', [t(1, 'x=0 x+1'), t(2, 'x=0 x+2'), t(0, 'x+0'), t(3, 'x=0,1,2')]],
    ['long fork', 'cycle', [t(1, 'x+1'), t(2, 'y+1'), t(3, 'x=1 y='), t(4, 'x= y=1')]],
    ['a non-repeatable read', 'internal', [t(1, 'x+1'), t(2, 'x= x=1')]],
    ['its own write is not there', 'internal', [t(1, 'x+1 x=')]],
    [
      'a stale read: acknowledged before it began',
      'cycle',
      [t(1, 'x+1', 'committed', [0, 10]), t(2, 'x=', 'committed', [20, 30]), t(3, 'x=1')],
    ],
    ['two orders', 'incompatible order', [t(1, 'x+1'), t(2, 'x+2'), t(3, 'x=1,2'), t(4, 'x=2')]],
    ['an append twice', 'duplicate', [t(1, 'x+1'), t(2, 'x=1,1')]],
  ])('%s', (_, anomaly, history) => {
    expect(names(...history)).toContain(anomaly)
  })

  test('an acknowledged append that is not there in the end', () => {
    const { anomalies } = checkHistory([t(1, 'x+1'), t(2, 'x+2')], new Map([['x', [2]]]))
    expect(anomalies.map(({ name }) => name)).toEqual(['lost append'])
  })
})

describe('what it allows', () => {
  test('write skew, which is counted', () => {
    const verdict = checkHistory([t(1, 'x= y+1'), t(2, 'y= x+1'), t(3, 'x=1 y=1')])
    expect(verdict).toEqual({ anomalies: [], writeSkews: 1, committed: 3 })
  })
  test('serial transactions, own writes, unknown outcomes seen or unseen', () => {
    expect(
      names(
        t(1, 'x+1 x=1', 'committed', [0, 10]),
        t(2, 'x=1 x+2 x=1,2', 'unknown', [11, 20]),
        t(3, 'y+1', 'unknown', [11, 20]),
        t(4, 'x=1,2 y=', 'committed', [30, 40]),
      ),
    ).toEqual([])
  })
  test('concurrent readers that see or do not see a concurrent write', () => {
    expect(names(t(1, 'x+1'), t(2, 'x='), t(3, 'x=1'))).toEqual([])
  })
})
