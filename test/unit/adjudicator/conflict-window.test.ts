import { expect, test } from 'vitest'
import { ConflictWindow, Stamp } from '../../../actors/adjudicator/conflict-window.ts'
import { keyEnd, keyStart, prefixRange, storagePrefix } from '../../../protocol/key.ts'
import type { Mode } from '../../../protocol/messages.ts'
import { tau } from '../../../protocol/time.ts'
import { SeededRandom } from '../../simulation/random.ts'
import { k } from '../circle/driver.ts'

const bounds = { entriesMax: 100, ageMicrosMax: 1_000 }

/** A committed transaction's marks. */
function committed(window: ConflictWindow, at: number, entries: readonly (readonly [string, Mode])[]): Stamp {
  const stamp = new Stamp()
  for (const [name, mode] of entries) window.enter(k(name), mode, stamp)
  window.join(stamp)
  stamp.fix(tau(at))
  return stamp
}

test('who bars whom', () => {
  const modes: Mode[] = ['X', 'N', 'S', 'R', 'E']
  const table = modes.map((entered) => {
    const window = new ConflictWindow(tau(0), bounds)
    committed(window, 20, [['a', entered]])
    const barred = modes.filter((asking) => window.barring(k('a'), asking, tau(10)) !== undefined)
    const later = modes.filter((asking) => window.barring(k('a'), asking, tau(20)) !== undefined)
    const range = window.barringRange(prefixRange(storagePrefix(7)), tau(10)) !== undefined ? ', ranges' : ''
    return `${entered} bars ${barred.join(' ') || 'nobody'}${range}; at its own tau ${later.join(' ') || 'nobody'}`
  })
  expect(table).toEqual([
    'X bars X N S R, ranges; at its own tau nobody',
    'N bars X N R, ranges; at its own tau nobody',
    'S bars X; at its own tau nobody',
    'R bars nobody; at its own tau nobody',
    'E bars X N S R, ranges; at its own tau nobody',
  ])
})

test('an entry whose record has not been sent bars every tauStart, and tells its tau when it is', () => {
  const window = new ConflictWindow(tau(0), bounds)
  const stamp = new Stamp()
  window.enter(k('a'), 'X', stamp)
  window.join(stamp)
  expect(window.barring(k('a'), 'X', tau(1_000_000))).toBe(stamp)
  let told: number | undefined
  stamp.whenFixed((at) => {
    told = at
  })
  stamp.fix(tau(50))
  expect(told).toBe(50)
  expect(window.barring(k('a'), 'X', tau(49))).toBe(stamp)
  expect(window.barring(k('a'), 'X', tau(50))).toBe(undefined)
})

test('a weaker later mark does not hide a stronger earlier one', () => {
  const window = new ConflictWindow(tau(0), bounds)
  committed(window, 10, [['a', 'X']])
  committed(window, 20, [['a', 'N']])
  committed(window, 30, [['a', 'S']])
  const barred = (mode: Mode): number[] => [5, 15, 25, 35].filter((at) => window.barring(k('a'), mode, tau(at)) !== undefined)
  expect({ S: barred('S'), N: barred('N'), R: barred('R'), X: barred('X') }).toEqual({
    S: [5],
    N: [5, 15],
    R: [5, 15],
    X: [5, 15, 25],
  })
})

test('what is pruned for age or room raises the floor', () => {
  const window = new ConflictWindow(tau(5), bounds)
  for (let i = 0; i < 10; i++) committed(window, 10 + i, [[`k${i}`, 'X']])
  window.prune(tau(1_012))
  expect([window.floor, window.size]).toEqual([11, 8])
  for (let i = 0; i < 200; i++) committed(window, 2_000 + i, [[`n${i}`, 'X']])
  window.prune(tau(2_199))
  // A hundred keys and transactions together.
  expect([window.floor, window.size]).toEqual([2_149, 50])
  expect(window.barring(k('n149'), 'X', tau(2_050))).toBe(undefined)
  expect(window.barring(k('n150'), 'X', tau(2_050))).toBeDefined()
  for (let i = 0; i < 200; i++) committed(window, 2_200 + i, [['same', 'X']])
  window.prune(tau(2_399))
  expect([window.floor, window.size]).toEqual([2_300, 1])
})

test('what is not acknowledged is never pruned', () => {
  const window = new ConflictWindow(tau(0), { entriesMax: 1, ageMicrosMax: 1 })
  committed(window, 100, [['a', 'X']])
  committed(window, 200, [['b', 'X']])
  window.prune(tau(100))
  expect([window.floor, window.size]).toEqual([100, 1])
})

test('a large transaction is forgotten a piece at a time, its floor first', () => {
  const window = new ConflictWindow(tau(0), bounds)
  committed(
    window,
    100,
    Array.from({ length: 10_000 }, (_, i) => [`k${i}`, 'X'] as const),
  )
  window.prune(tau(5_000))
  expect(window.floor).toBe(100)
  expect(window.size).toBe(6_000)
  window.prune(tau(5_000))
  window.prune(tau(5_000))
  expect(window.size).toBe(0)
})

test('a withdrawn transaction goes on barring as far as anything entered so far', () => {
  const window = new ConflictWindow(tau(0), bounds)
  committed(window, 10, [['a', 'X']])
  const long = new Stamp()
  window.beginEarly(long, 1)
  window.enter(k('a'), 'S', long)
  const shared = new Stamp()
  window.enter(k('a'), 'S', shared)
  window.join(shared)
  window.withdraw(long)
  expect(window.barring(k('a'), 'X', tau(1_000))).toBeDefined()
  shared.fix(tau(30))
  expect(window.barring(k('a'), 'X', tau(29))).toBeDefined()
  expect(window.barring(k('a'), 'X', tau(30))).toBe(undefined)
})

test('random histories: bars exactly as a list of all entries would', () => {
  const seed = Number(process.env.TAUDB_TEST_SEED ?? 1)
  const random = new SeededRandom(seed)
  const modes: Mode[] = ['X', 'N', 'S', 'R', 'E']
  const bars: Record<Mode, string> = { X: 'XNSE', N: 'XNE', S: 'XE', R: 'XNE', E: '' }
  for (let run = 0; run < 40; run++) {
    const window = new ConflictWindow(tau(0), { entriesMax: 10_000, ageMicrosMax: 1_000_000 })
    const list: { name: string; mode: Mode; at: number }[] = []
    const names = ['a', 'b', 'ba', 'c']
    for (let at = 10; at < 60; at += 1 + random.integer(3)) {
      const entries = Array.from({ length: 1 + random.integer(3) }, () => [random.pick(names), random.pick(modes)] as const)
      committed(window, at, entries)
      for (const [name, mode] of entries) list.push({ name, mode, at })
    }
    for (let i = 0; i < 60; i++) {
      const [name, mode, start] = [random.pick(names), random.pick(modes), random.integer(70)]
      const expected = list.some((one) => one.name === name && one.at > start && bars[mode].includes(one.mode))
      const say = `TAUDB_TEST_SEED=${seed} run ${run}: ${mode} on ${name} from ${start}`
      expect([say, window.barring(k(name), mode, tau(start)) !== undefined]).toEqual([say, expected])
      const [from, to] = [random.pick(names), random.pick(names)]
      const inRange = list.some((one) => one.name >= from && one.name < to && one.at > start && 'XNE'.includes(one.mode))
      const range = { start: k(from), end: k(to) }
      expect([say, from, to, window.barringRange(range, tau(start)) !== undefined]).toEqual([say, from, to, inRange])
      const whole = { start: keyStart, end: keyEnd }
      const anywhere = list.some((one) => one.at > start && 'XNE'.includes(one.mode))
      expect([say, window.barringRange(whole, tau(start)) !== undefined]).toEqual([say, anywhere])
    }
  }
})
