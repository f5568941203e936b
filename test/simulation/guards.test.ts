import { expect, test } from 'vitest'
import type { Key } from '../../protocol/key.ts'
import type { JournalRecord, Mode } from '../../protocol/messages.ts'
import { guardBreaches } from './guards.ts'
import type { ObservedRecord } from './observed-log.ts'

let counter = 0

/** A transaction that holds `modes` on keys named by their letter: 'X:a R:b'. */
function transaction(tauStart: number, modes: string) {
  const marks = modes.split(' ').map((one) => ({ mode: one[0] as Mode, key: one.slice(2) as Key }))
  const isWrite = ({ mode }: { mode: Mode }): boolean => mode === 'X' || mode === 'N'
  const id = { leader: 0, epoch: 1, boot: 'boot-one', counter: ++counter }
  return { id, tauStart, writes: marks.filter(isWrite), checks: marks.filter((mark) => !isWrite(mark)) }
}

type Step = { epoch?: number; tau: number; horizon?: number; transactions?: ReturnType<typeof transaction>[] }

function journal(...steps: readonly Step[]): ObservedRecord[] {
  let epoch = 0
  return steps.map((step, i) => {
    const kind = step.epoch !== undefined ? 'epoch' : step.transactions === undefined ? 'heartbeat' : 'commit'
    epoch = step.epoch ?? epoch
    const record = { partition: 0, owner: 'owner', horizon: step.tau + 10, ...step, epoch, kind } as unknown as JournalRecord
    return { record, sequence: (i + 1) as ObservedRecord['sequence'] }
  })
}

const claim: Step = { epoch: 1, tau: 10, horizon: 20 }
const commit = (tau: number, tauStart: number, modes: string): Step => ({ tau, transactions: [transaction(tauStart, modes)] })

test.each<[string, ObservedRecord[][], RegExp | undefined]>([
  ['one after the other', [journal(claim, commit(11, 10, 'X:a'), commit(12, 11, 'X:a'))], undefined],
  ['at the same time, on two keys', [journal(claim, commit(11, 10, 'X:a'), commit(12, 10, 'X:b'))], undefined],
  ['at the same time, on one key', [journal(claim, commit(11, 10, 'X:a'), commit(12, 10, 'N:a'))], /bars: .* wants N/],
  ['the parent deleted beside its child', [journal(claim, commit(11, 10, 'S:a'), commit(12, 10, 'X:a'))], /^bars: .* wants X/],
  ['a reader before the writer', [journal(claim, commit(11, 10, 'R:a'), commit(12, 10, 'X:a'))], undefined],
  ['a reader after the writer', [journal(claim, commit(11, 10, 'X:a'), commit(12, 10, 'R:a'))], /^bars: .* checked R/],
  ['two journals', [journal(claim, commit(11, 10, 'X:a')), journal(claim, commit(13, 10, 'X:a'))], /^bars/],
  ['tau stands still', [journal(claim, { tau: 10, horizon: 20 })], /mayFollow/],
  ['the horizon goes back', [journal(claim, { tau: 11, horizon: 19 })], /mayFollow/],
  ['a claim below the floor', [journal(claim, { epoch: 2, tau: 20, horizon: 30 })], /mayClaim/],
  ['an epoch left out', [journal(claim, { epoch: 3, tau: 21, horizon: 30 })], /mayClaim/],
  ['begun below the floor', [journal(claim, { epoch: 2, tau: 21, horizon: 30 }, commit(22, 19, 'X:a'))], /mayBeJudged/],
  ['begun above the horizon', [journal(claim, commit(40, 21, 'X:a'))], /mayBeJudged/],
  ['committed where it began', [journal(claim, commit(15, 15, 'X:a'))], /mayJoin/],
])('%s', (_, journals, forbidden) => {
  const breaches = guardBreaches(journals)
  if (forbidden === undefined) expect(breaches).toEqual([])
  else expect(breaches.join('\n')).toMatch(forbidden)
})
