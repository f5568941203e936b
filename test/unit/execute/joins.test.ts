import { expect, test } from 'vitest'
import { explainPlan } from '../../../actors/query-processor/sql/plan/explain.ts'
import { MemorySession } from './memory-session.ts'

/** Every kind of join by every method against pairs counted by hand, over seeded rows with NULLs and duplicates. */
type Row = readonly [id: number, key: number | null]

function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * below)
  }
}

async function sides(session: MemorySession, draw: (below: number) => number): Promise<{ left: Row[]; right: Row[] }> {
  session.table('l', { columns: 'id int4, k int4', primaryKey: ['id'] })
  session.table('r', { columns: 'id int4, k int4', primaryKey: ['id'] })
  session.table('ri', { columns: 'id int4, k int8', primaryKey: ['id'], indexes: [['k']] })
  const rows = (count: number): Row[] => Array.from({ length: count }, (_, id) => [id, draw(4) === 0 ? null : draw(8)])
  const left = rows(40)
  const right = rows(30)
  const values = (list: readonly Row[]): string => list.map(([id, key]) => `(${id}, ${key ?? 'null'})`).join(', ')
  await session.text(`insert into l values ${values(left)}`)
  await session.text(`insert into r values ${values(right)}`)
  await session.text(`insert into ri values ${values(right)}`)
  return { left, right }
}

const pairText = (l: Row | undefined, r: Row | undefined): string => `${l?.[0] ?? ''}|${r?.[0] ?? ''}`

function expected(kind: string, left: readonly Row[], right: readonly Row[], on: (l: Row, r: Row) => boolean): string[] {
  const found: string[] = []
  const matched = new Set<Row>()
  for (const l of left) {
    const mates = right.filter((r) => on(l, r))
    for (const mate of mates) {
      matched.add(mate)
      found.push(pairText(l, mate))
    }
    if (mates.length === 0 && (kind === 'left' || kind === 'full')) found.push(pairText(l, undefined))
  }
  if (kind === 'right' || kind === 'full') {
    for (const r of right) if (!matched.has(r)) found.push(pairText(undefined, r))
  }
  return found.sort()
}

const equal = (l: Row, r: Row): boolean => l[1] !== null && l[1] === r[1]
const method = {
  hash: { table: 'r', on: 'l.k = r.k', test: equal },
  pairs: { table: 'r', on: 'l.k >= r.k and l.k <= r.k', test: equal },
  lookup: { table: 'ri', on: 'l.k = r.k', test: equal },
  'hash with a rest': { table: 'r', on: 'l.k = r.k and l.id < r.id', test: (l: Row, r: Row) => equal(l, r) && l[0] < r[0] },
} as const

for (const [name, { table, on, test: matches }] of Object.entries(method)) {
  for (const kind of ['inner', 'left', 'right', 'full']) {
    for (const memoryMax of [64 * 1_024 * 1_024, 6_000]) {
      test(`${kind} join by ${name}${memoryMax < 10_000 ? ', spilling' : ''}`, async () => {
        const session = new MemorySession()
        session.memoryMax = memoryMax
        const { left, right } = await sides(session, seeded(7))
        const rows = await session.text(`select l.id, r.id from l ${kind} join ${table} r on ${on}`)
        expect(rows.split('\n').sort()).toEqual(expected(kind, left, right, matches))
        expect(session.lastBudget.bytesUsed).toBe(0)
        expect(session.filesOpen).toBe(0)
      })
    }
  }
}

test('few outer rows look the inner ones up by index, and the join says so', async () => {
  const session = new MemorySession()
  const { left, right } = await sides(session, seeded(11))
  const sql = 'select l.id, r.id from l left join ri r on l.k = r.k where l.id = 3'
  expect(explainPlan(session.plan(sql), { costs: false, verbose: false, format: 'text' })).toEqual([
    'Nested Loop Left Join',
    '  ->  Key Lookup on l',
    '        Key Cond: (l.id = 3)',
    '  ->  Index Scan using ri_k_idx on ri',
    '        Index Cond: (l.k = ri.k)',
  ])
  const one = left.filter(([id]) => id === 3)
  expect((await session.text(sql)).split('\n').sort()).toEqual(expected('left', one, right, equal))
})

test('semi and anti joins, and NOT IN with its NULLs', async () => {
  const session = new MemorySession()
  const { left, right } = await sides(session, seeded(3))
  const ids = (rows: readonly Row[]): string => rows.map(([id]) => id).join('\n')
  const has = (l: Row): boolean => right.some((r) => equal(l, r))
  const select = 'select l.id from l where'
  expect(await session.text(`${select} exists (select from r where r.k = l.k) order by 1`)).toBe(ids(left.filter(has)))
  expect(await session.text(`${select} not exists (select from r where r.k = l.k) order by 1`)).toBe(
    ids(left.filter((l) => !has(l))),
  )
  expect(await session.text(`${select} k in (select k from r) order by 1`)).toBe(ids(left.filter(has)))
  expect(await session.text(`${select} k not in (select k from r) order by 1`)).toBe('')
  expect(await session.text(`${select} k not in (select k from r where k is not null) order by 1`)).toBe(
    ids(left.filter((l) => l[1] !== null && !has(l))),
  )
  expect(await session.text(`${select} k not in (select k from r where false) order by 1`)).toBe(ids(left))
})

test('answers that come as promises, at every occasion another session first', async () => {
  const session = new MemorySession()
  const { left, right } = await sides(session, seeded(5))
  session.access.remote = true
  session.impatient = true
  const rows = await session.text('select l.id, r.id from l join ri r on l.k = r.k where l.id < 20')
  const few = left.filter(([id]) => id < 20)
  expect(rows.split('\n').sort()).toEqual(expected('inner', few, right, equal))
  expect(session.suspensions).toBeGreaterThan(3)
})
