import { beforeEach, expect, test } from 'vitest'
import { storageIdOf } from '../../../protocol/key.ts'
import { MemorySession } from './memory-session.ts'

let session: MemorySession
const say = (sql: string): Promise<string> => session.text(sql)

beforeEach(async () => {
  session = new MemorySession()
  session.table('t', {
    columns: 'id int4, a int4 not null, u text, v int8 default 7',
    primaryKey: ['id'],
    unique: [['u']],
    indexes: [['a']],
    checks: ['a > 0'],
  })
  session.table('h', { columns: 'x int4' })
  await say("insert into t values (1, 10, 'x', 100), (2, 20, 'y', 200), (3, 30, null, 300)")
})

/** Modes of what the last statement wrote, rows before index entries. */
const modes = (): string => {
  const table = session.catalog.relation(2200, 't')
  if (table?.kind !== 'table') throw new Error('t is a table')
  const names = new Map([
    [table.storageId, 'row'],
    ...table.indexes.map((index) => [index.storageId, index.unique ? 'unique' : 'index'] as const),
  ])
  return [...session.access.modes].map(([key, mode]) => `${names.get(storageIdOf(key))} ${mode}`).join(', ')
}

const transcript: readonly (readonly [what: string, said: readonly (readonly [sql: string, answer: string])[]])[] = [
  [
    'constraints speak as PostgreSQL does',
    [
      [
        "insert into t values (1, 5, 'z')",
        '23505 duplicate key value violates unique constraint "t_pkey" / Key (id)=(1) already exists.',
      ],
      [
        "insert into t values (9, 5, 'x')",
        '23505 duplicate key value violates unique constraint "t_u_key" / Key (u)=(x) already exists.',
      ],
      [
        "insert into t values (9, null, 'q')",
        '23502 null value in column "a" of relation "t" violates not-null constraint / Failing row contains (9, null, q, 7).',
      ],
      [
        'insert into t values (9, -1)',
        '23514 new row for relation "t" violates check constraint "t_a_check" / Failing row contains (9, -1, null, 7).',
      ],
      [
        "insert into t values (8, 1, 'p'), (8, 2, 'r')",
        '23505 duplicate key value violates unique constraint "t_pkey" / Key (id)=(8) already exists.',
      ],
      [
        "update t set u = 'y' where id = 1",
        '23505 duplicate key value violates unique constraint "t_u_key" / Key (u)=(y) already exists.',
      ],
      [
        'update t set id = 2 where id = 1',
        '23505 duplicate key value violates unique constraint "t_pkey" / Key (id)=(2) already exists.',
      ],
      ['select count(*) from t', '3'],
    ],
  ],
  [
    'NULLs in a unique index do not meet',
    [
      ['insert into t (id, a) values (4, 1), (5, 1)', '2'],
      ['select id from t where u is null order by id', '3\n4\n5'],
    ],
  ],
  [
    'a statement does not see its own writes',
    [
      ['insert into t select id + 10, a, null, v from t', '3'],
      ['insert into h select 1 from t', '6'],
      ['insert into h select x from h', '6'],
      ['select count(*) from h', '12'],
      ['with gone as (delete from h returning x) select count(*) from gone, h', '144'],
      ['select count(*) from h', '0'],
    ],
  ],
  [
    'a row that many rows match is changed once',
    [
      ['update t set a = a + s.n from (values (1), (1)) s(n) where t.id = 1 returning t.a', '11'],
      ['delete from t using (values (1), (2)) s(n) where t.id = 1 returning t.id', '1'],
    ],
  ],
  [
    'changed keys find their rows by every way',
    [
      ["update t set id = 100, u = 'moved', a = 99 where id = 1 returning *", '100|99|moved|100'],
      ['select id from t where a = 99', '100'],
      ["select id from t where u = 'moved'", '100'],
      ["select id from t where u = 'x'", ''],
      ['select id from t where a = 10', ''],
      ['select id from t order by id', '2\n3\n100'],
      ["insert into t values (1, 10, 'x')", '1'],
    ],
  ],
  [
    'ON CONFLICT',
    [
      ["insert into t values (1, 1, 'n') on conflict do nothing", '0'],
      [
        "insert into t values (7, 1, 'x') on conflict (id) do nothing",
        '23505 duplicate key value violates unique constraint "t_u_key" / Key (u)=(x) already exists.',
      ],
      ["insert into t values (7, 1, 'x') on conflict (u) do update set a = t.a + excluded.a returning id, a", '1|11'],
      ["insert into t values (1, 5, 'n') on conflict (id) do update set a = 1 where t.a > 50 returning id", ''],
      [
        'insert into t values (50, 1), (50, 2) on conflict (id) do update set a = excluded.a',
        '21000 ON CONFLICT DO UPDATE command cannot affect row a second time',
      ],
      ['insert into t values (50, 1), (50, 2) on conflict (id) do nothing returning id, a', '50|1'],
    ],
  ],
  [
    'RETURNING, defaults and data modification in WITH',
    [
      ['insert into t (id, a) values (4, 1) returning id, a, u, v', '4|1||7'],
      ['with i as (insert into h values (5) returning x) select x + 1 from i', '6'],
      ['with d as (delete from h returning x) insert into t select x, 3 from d', '1'],
      ['select * from t where id = 5', '5|3||7'],
    ],
  ],
]

for (const [what, said] of transcript) {
  for (const how of ['at once', 'as streams', 'from afar']) {
    test(`${what}, ${how}`, async () => {
      session.atOnce = how === 'at once'
      session.access.remote = how === 'from afar'
      for (const [sql, answer] of said) expect([sql, await say(sql)]).toEqual([sql, answer])
      expect(session.lastBudget.bytesUsed).toBe(0)
    })
  }
}

const written: readonly (readonly [sql: string, modes: string])[] = [
  ["insert into t values (4, 40, 'z')", 'row X, unique X, index E'],
  ['insert into t values (4, 40)', 'row X, unique E, index E'],
  ['update t set v = 1 where id = 1', 'row N'],
  ['update t set a = 11 where id = 1', 'row N, index E, index E'],
  ["update t set u = 'w' where id = 1", 'row X, unique X, unique X'],
  ['update t set id = 9 where id = 1', 'row X, unique X, index E, row X, index E'],
  ['delete from t where id = 1', 'row X, unique X, index E'],
]

for (const [sql, expected] of written) {
  test(`what is written by ${sql}`, async () => {
    session.access.modes.clear()
    await say(sql)
    expect(modes()).toBe(expected)
  })
}

test('row locks become checks', async () => {
  await say('select * from t where id = 1 for update')
  await say('select * from t where id = 2 for key share')
  expect(session.access.checks.map(({ mode }) => mode)).toEqual(['X', 'S'])
  expect(session.access.modes.size).toBeGreaterThan(0)
})

test('a key that is too long is refused', async () => {
  expect(await say(`insert into t values (4, 40, repeat('k', 2000))`)).toMatch(
    /^54000 index row size 20\d\d exceeds maximum 1900 for index "t_u_key"$/,
  )
})
