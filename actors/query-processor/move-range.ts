import { BusError } from '../../bus/bus.ts'
import type { World } from '../../bus/world.ts'
import { SqlError } from '../../protocol/errors.ts'
import { type MapVersion, type Partition, partition } from '../../protocol/ids.ts'
import { type Key, type KeyRange, keyEnd, keyStart } from '../../protocol/key.ts'
import { includes } from '../../protocol/key-ranges.ts'
import type { AdjudicatorRequests, MoveAnswer } from '../../protocol/messages.ts'
import { ask } from '../actor.ts'
import type { Topology } from '../topology.ts'

/** Places, from the first to the last one, change hands. */
export interface RangeMove {
  readonly from: Partition
  readonly to: Partition
  readonly range: KeyRange
}

const placesMax = 65_536
const msMax = 30_000
const askMsMax = 5_000
const againMs = 50

/** As a person says it: partitions by number, places from 0 to 65535. Throws SqlError. */
export function rangeMove(from: number, to: number, first: number, last: number): RangeMove {
  if (!(first >= 0 && first <= last && last < placesMax))
    throw new SqlError('22023', `places are a first and a last one of 0 to ${placesMax - 1}`)
  return { from: partition(from), to: partition(to), range: { start: edge(first), end: edge(last + 1) } }
}

function edge(place: number): Key {
  if (place === 0) return keyStart
  if (place === placesMax) return keyEnd
  return String.fromCharCode(place >>> 8, place & 0xff) as Key
}

interface MoveNeeds {
  readonly world: World
  readonly topology: Topology
  clock(): number
  /** Asks every owner what its journal says of the map. */
  fetchMap(): Promise<void>
}

/**
 * Asks the giver to seal and waits until the receiver has opened (rule 20). Once sealed, the move will be completed whoever dies; asking again
 * for what has been sealed is no second move.
 */
export async function moveRange(needs: MoveNeeds, move: RangeMove): Promise<void> {
  const { world, topology } = needs
  const until = world.clock.monotonic() + msMax * 1_000
  const isLate = (): boolean => world.clock.monotonic() > until
  if (!topology.map.partitions.some((place) => place.partition === move.from))
    throw new SqlError('22023', `there is no partition ${move.from}`)
  let version: MapVersion | undefined
  let asked = 0
  for (;;) {
    await known(needs)
    if (asked > 0) version = sealedAs(topology, move)
    if (version !== undefined || (asked > 0 && includes(rangesOf(topology, move.to), move.range))) break
    if (isLate()) throw unfinished(move, 'has not given them away')
    asked++
    const answer = await askFor(needs, move)
    if (answer?.kind === 'refused') {
      // Another copy of the question may have been heard first.
      const isBusy = answer.code === '55006' && asked > 1
      if (!isBusy) throw new SqlError(answer.code, answer.message)
    }
    if (answer?.kind === 'sealed') {
      version = answer.version
      break
    }
    await world.clock.sleep(againMs)
  }
  while (version !== undefined && !topology.isOpened({ ...move, version })) {
    if (isLate()) throw unfinished(move, `gave them away, and partition ${move.to} has not taken them yet`)
    await world.clock.sleep(againMs)
    await known(needs)
  }
}

/** Undefined: nobody has answered. */
async function askFor({ world, topology, clock }: MoveNeeds, { from, to, range }: RangeMove): Promise<MoveAnswer | undefined> {
  try {
    const question = { kind: 'move', clock: clock(), range, to } as const
    return await ask<AdjudicatorRequests, 'move'>(world, topology.adjudicator(from), question, { timeoutMs: askMsMax })
  } catch (error) {
    if (error instanceof BusError) return undefined
    throw error
  }
}

/** What has not been heard is asked for again. */
async function known({ fetchMap }: MoveNeeds): Promise<void> {
  try {
    await fetchMap()
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
  }
}

const rangesOf = (topology: Topology, p: Partition): readonly KeyRange[] =>
  topology.map.partitions.find((place) => place.partition === p)?.ranges ?? []

/** The seal of just these places that the receiver has yet to open. */
const sealedAs = (topology: Topology, { from, to, range }: RangeMove): MapVersion | undefined =>
  topology
    .unopened(to)
    .find((sealed) => sealed.from === from && sealed.range.start === range.start && sealed.range.end === range.end)?.version

const unfinished = ({ from }: RangeMove, what: string): SqlError =>
  new SqlError('57P03', `the places are on their way: partition ${from} ${what}`, {
    hint: 'What has been given away will be taken as soon as its new partition has an owner.',
  })
