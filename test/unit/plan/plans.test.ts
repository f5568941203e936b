import { expect, test } from 'vitest'
import { explainPlan } from '../../../actors/query-processor/sql/plan/explain.ts'
import { MemorySession } from '../execute/memory-session.ts'

/** Golden plans: `vitest run -u` writes plans.script anew. */
const session = new MemorySession()
session.table('t', {
  columns: 'id int4, a int4, b text, c int8 not null',
  primaryKey: ['id'],
  unique: [['b']],
  indexes: [['a', 'c desc']],
})
session.table('u', { columns: 'x int4, y text, t_id int4, v int8', primaryKey: ['x', 'y'], indexes: [['t_id']] })
session.table('h', { columns: 'n int4, m int8' })

const chapters: readonly (readonly [what: string, statements: readonly string[]])[] = [
  [
    'keys and ranges',
    [
      'select * from t where id = $1',
      'select * from t where id in (1, 2, 3)',
      'select * from t where id = any($1::int4[])',
      'select * from t where id > $1 and id <= $2 + 1',
      'select * from t where id between 1 and 5 and c = 3',
      'select * from t where id = 3000000000',
      "select * from u where x = 1 and y like 'ab%'",
      "select * from u where x = 1 and y like '%ab'",
      'select * from u where (x, y) = (1, $1)',
      'select * from u where x in (1, 2) and y > $1',
      'select * from t where a = 3 and c > 5',
      'select * from t where a is null',
      "select * from t where b = 'x'",
      'select * from t where b is null and a + 1 = 2',
      'select * from h where n = 1 or m is null',
      'select * from h where n * 2 = 4 and m < 7',
    ],
  ],
  [
    'order and limit',
    [
      'select * from t order by id limit 3',
      'select * from t order by id desc',
      'select * from t where a = 1 order by c desc limit 2',
      'select * from t where a = 1 order by c limit 2',
      'select * from t order by a, c limit 2',
      'select * from t order by a nulls first limit 2',
      'select * from u where x = 1 order by y',
      'select * from h order by n limit 5 offset 2',
      'select distinct n from h order by n',
      'select * from t join u on u.t_id = t.id where t.a = 1 order by t.c desc limit 5',
    ],
  ],
  [
    'aggregates',
    [
      'select count(*), sum(a), max(b) from t where c > 5',
      'select max(id) from t',
      'select min(c) from t where a = 4',
      'select avg(a) from t',
      'select a, count(*) from t group by a having count(*) > 1 order by 2 desc',
      'select * from (select n, count(*) from h group by n) s where n = 5',
    ],
  ],
  [
    'joins',
    [
      'select * from t join u on u.t_id = t.id where t.id = 1',
      'select * from t, u, h where t.id = u.t_id and h.n = t.a and u.x = 7',
      'select * from t left join u on u.t_id = t.id where u.v > 5',
      'select * from t left join u on u.t_id = t.id and u.v > 5 where t.c = 2',
      'select * from t full join h on h.n = t.id where t.id is null',
      'select * from h a join h b on a.n < b.n',
      'select * from h a join h b on a.n = b.m',
      'select * from t, lateral (select * from u where u.t_id = t.id limit 1) s',
      'select * from (select id, c from t union all select n, m from h) s where id = 3',
    ],
  ],
  [
    'subqueries',
    [
      'select * from t where id in (select t_id from u where v = 3)',
      'select * from t where exists (select 1 from u where u.t_id = t.id) and t.a = 5',
      'select * from t where not exists (select 1 from h where h.n = t.id)',
      'select id, (select max(v) from u where u.t_id = t.id) from t',
      'select * from t where c > (select avg(m) from h)',
      'select * from t where a not in (select n from h)',
      'with w as (select * from t) select * from w where id = 4',
      'with w as (select n from h) select * from w a join w b on a.n = b.n',
    ],
  ],
  [
    'changes',
    [
      'insert into h values (1, 2)',
      'insert into h select id, c from t',
      'update t set c = c + 1 where id = $1',
      'update t set a = h.n from h where h.m = t.id',
      'delete from t where b = $1 returning id',
      'select * from t where id = 1 for update',
      'with d as (delete from h returning n) insert into t (id, c) select n, 1 from d',
    ],
  ],
]

test('plans', async () => {
  const text = chapters.map(([what, statements]) => {
    const plans = statements.map((sql) => {
      const lines = explainPlan(session.plan(sql), { costs: false, verbose: false, format: 'text' })
      return `> ${sql}\n${lines.join('\n')}\n`
    })
    return `# ${what}\n\n${plans.join('\n')}`
  })
  await expect(text.join('\n')).toMatchFileSnapshot('./plans.script')
})
