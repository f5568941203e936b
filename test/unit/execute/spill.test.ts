import { expect, test } from 'vitest'
import { MemorySession } from './memory-session.ts'

/** The same answer with little memory and with plenty; little memory makes files, and none is left. */
const statements: readonly (readonly [what: string, sql: string])[] = [
  ['sort', 'select g, g % 7 from generate_series(1, 3000) g order by g % 7 desc, g'],
  ['sort of equal keys keeps their order', "select g from generate_series(1, 3000) g order by 'x' || g % 3"],
  ['aggregate', 'select g % 500 as k, count(*), sum(g) from generate_series(1, 5000) g group by 1 order by 1'],
  ['distinct', 'select count(*) from (select distinct g % 900 as k from generate_series(1, 5000) g) s'],
  ['hash join', 'select count(*), sum(a) from generate_series(1, 2000) a join generate_series(1000, 3000) b on a = b'],
  [
    'full join',
    'select count(*), sum(a), sum(b) from generate_series(1, 2000) a full join generate_series(1000, 3000) b on a = b',
  ],
  [
    'intersect all',
    'select count(*) from (select g % 900 from generate_series(1, 5000) g intersect all select g from generate_series(1, 1000) g) s',
  ],
  [
    'except',
    'select count(*) from (select g from generate_series(1, 3000) g except select g % 1000 from generate_series(1, 5000) g) s',
  ],
  [
    'common table',
    'with w as materialized (select g from generate_series(1, 3000) g) select count(*), sum(a.g) from w a join w b on a.g = b.g',
  ],
  ['pairs', 'select count(*) from generate_series(1, 60) a join generate_series(1, 500) b on a < b'],
]

for (const [what, sql] of statements) {
  test(what, async () => {
    const rich = new MemorySession()
    const poor = new MemorySession()
    poor.memoryMax = 16_000
    const answer = await poor.text(sql)
    expect(answer).toBe(await rich.text(sql))
    expect(answer).toMatch(/^\d/)
    expect(rich.filesMade).toBe(0)
    expect(poor.filesMade).toBeGreaterThan(0)
    expect(poor.filesOpen).toBe(0)
    expect(poor.lastBudget.bytesUsed).toBe(0)
  })
}

test('without temporary files it is 53200', async () => {
  const session = new MemorySession()
  session.memoryMax = 16_000
  session.spills = false
  expect(await session.text('select g from generate_series(1, 3000) g order by -g')).toBe(
    '53200 out of memory / A sort needs more than 16000 bytes.',
  )
})

test('a long statement stands aside and holds little', async () => {
  const session = new MemorySession()
  session.memoryMax = 200_000
  expect(
    await session.text('select count(*) from generate_series(1, 1000) a cross join generate_series(1, 1000) b where a + b < 0'),
  ).toBe('0')
  expect(session.suspensions).toBeGreaterThan(2)
})

test('rows that take long are told apart: after each the others have their turn', async () => {
  const session = new MemorySession()
  session.impatient = true
  await session.text('select g + 1 from generate_series(1, 100) g where g % 2 = 0')
  expect(session.suspensions).toBeGreaterThanOrEqual(100 + 100 + 50)
})
