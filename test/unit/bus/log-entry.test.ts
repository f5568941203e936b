/** How an entry lies in the journal's files: after a crash a torn append is told from damage, byte by byte and sector by sector. */
import { describe, expect, test } from 'vitest'
import { encodeEntry, entryEnd, entryStart, readEntry } from '../../../bus/log-entry.ts'

const sector = 512
const segmentBytes = 16 * sector

/** A segment with these bodies one after the other from `at` on, and where each begins and ends. */
function segment(at: number, bodies: readonly Buffer[]): { buffer: Buffer; places: { from: number; to: number }[] } {
  const buffer = Buffer.alloc(segmentBytes)
  const places: { from: number; to: number }[] = []
  let position = at
  for (const [i, body] of bodies.entries()) {
    const entry = encodeEntry(position, i + 1, body)
    entry.copy(buffer, position)
    places.push({ from: position, to: position + entry.length })
    position += entry.length
  }
  return { buffer, places }
}

const zeros = (length: number): Buffer => Buffer.alloc(length)
const letters = (length: number): Buffer => Buffer.from('taudb '.repeat(length).slice(0, length))
/** Whole sectors of nothing in the middle: what a torn write looks like most. */
const sparse = Buffer.concat([letters(40), zeros(1_500), letters(40)])

/** Where the sectors of an entry begin, its own bytes only. */
function pieces({ from, to }: { from: number; to: number }): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = []
  for (let at = entryStart(from); at < to; at += sector - (at % sector))
    found.push({ from: at, to: Math.min(to, at - (at % sector) + sector) })
  return found
}

describe('an entry', () => {
  test('is read as it was written, wherever it begins and whatever its length', () => {
    for (const length of [0, 1, 100, 471, 472, 473, 488, 492, 493, 508, 980, 1_000, 5_000])
      for (const at of [32, 33, 490, 491, 492, 493, 496, 497, 511, 512, 1_000]) {
        const { buffer, places } = segment(at, [letters(length), letters(3)])
        const reading = readEntry(buffer, at, 1)
        expect(reading, `${length} bytes at ${at}`).toEqual({ kind: 'entry', bytes: letters(length), next: places[0]?.to })
        expect(entryEnd(at, length)).toBe(places[0]?.to)
        const next = readEntry(buffer, places[0]?.to as number, 2)
        expect(next).toMatchObject({ kind: 'entry', bytes: letters(3) })
        expect(readEntry(buffer, places[1]?.to as number, 3)).toEqual({ kind: 'end' })
      }
  })

  test('counts at its own sequence only', () => {
    const { buffer } = segment(32, [letters(10)])
    expect(readEntry(buffer, 32, 7)).toEqual({ kind: 'damaged', why: 'entry 1 stands where 7 belongs' })
  })

  test.each([
    ['letters', letters(30)],
    ['whole sectors of zeros', sparse],
    ['nothing but zeros', zeros(1_100)],
    ['zeros at its end', Buffer.concat([letters(10), zeros(900)])],
  ])('the last one, %s: each flipped bit is told as damage, never taken for a torn write', (_, body) => {
    for (const at of [200, 500]) {
      const { buffer, places } = segment(at, [letters(20), body])
      const { from, to } = places[1] as { from: number; to: number }
      for (let i = from; i < to; i++)
        for (let bit = 0; bit < 8; bit++) {
          buffer[i] = (buffer[i] as number) ^ (1 << bit)
          const { kind } = readEntry(buffer, from, 2)
          if (kind !== 'damaged') expect.unreachable(`bit ${bit} of byte ${i - from} reads as ${kind}`)
          buffer[i] = (buffer[i] as number) ^ (1 << bit)
        }
      expect(readEntry(buffer, from, 2).kind).toBe('entry')
    }
  })

  test.each([letters(30), sparse, letters(2_000)])('torn: any sectors that never came, in any mixture (body %#)', (body) => {
    for (const at of [32, 480, 500]) {
      const { buffer, places } = segment(at, [letters(3), body])
      const parts = pieces(places[1] as { from: number; to: number })
      for (let mask = 1; mask < 2 ** parts.length; mask++) {
        const torn = Buffer.from(buffer)
        for (const [i, { from, to }] of parts.entries()) if ((mask >> i) % 2 === 1) torn.fill(0, from, to)
        const expected = mask === 2 ** parts.length - 1 ? 'end' : 'torn'
        expect(readEntry(torn, places[1]?.from as number, 2).kind, `at ${at}, mask ${mask}`).toBe(expected)
      }
    }
  })

  test('torn: any beginning of it, and a file that ends within it', () => {
    const { buffer, places } = segment(480, [letters(3), sparse])
    const { from, to } = places[1] as { from: number; to: number }
    for (let cut = from + 1; cut < to; cut++) {
      const torn = Buffer.from(buffer)
      torn.fill(0, cut)
      expect(['end', 'torn']).toContain(readEntry(torn, from, 2).kind)
      expect(['end', 'torn']).toContain(readEntry(buffer.subarray(0, cut), from, 2).kind)
    }
  })

  test('what is missing before a later entry was acknowledged: damage', () => {
    const { buffer, places } = segment(32, [letters(3), sparse, letters(5), letters(600)])
    for (const { from, to } of pieces(places[1] as { from: number; to: number })) {
      const damaged = Buffer.from(buffer)
      damaged.fill(0, from, to)
      expect(readEntry(damaged, places[1]?.from as number, 2).kind).toBe('damaged')
    }
    const { from } = places[1] as { from: number }
    const both = Buffer.from(buffer)
    both.fill(0, from, (places[2] as { to: number }).to)
    expect(readEntry(both, from, 2)).toEqual({ kind: 'damaged', why: 'entries follow a gap' })
  })
})
