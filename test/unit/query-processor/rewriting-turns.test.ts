import { afterAll, expect, test } from 'vitest'
import { Processor } from './transcript.ts'

const processor = new Processor()
afterAll(() => processor.processor.lifecycle.drain())

test('a rewriting ALTER TABLE and REINDEX let others have the thread, and hear a cancel', async () => {
  const client = await processor.open()
  await client.query('create table many (id int primary key, a int, b int)')
  await client.query('insert into many select i, i, i from generate_series(1, 6000) i; create index on many (b)')
  const other = await processor.open()
  for (const sql of ['alter table many alter a type text using md5(a::text) || repeat(md5(a::text), 50)', 'reindex table many']) {
    let answers = 0
    let running = true
    const work = client.query(sql).finally(() => {
      running = false
    })
    while (running) {
      await other.query('select 1')
      // A turn of the event loop: without it the answers come amid one of the statement's.
      await new Promise((resolve) => setImmediate(resolve))
      answers++
    }
    await work
    expect(answers).toBeGreaterThan(3)
  }
  const again = client.query('alter table many alter b type text using repeat(md5(b::text), 50)')
  setImmediate(() => setImmediate(() => client.session.cancel()))
  expect(await again).toBe('57014 canceling statement due to user request\nI')
  expect(await client.query('select pg_typeof(b) from many where id = 1')).toBe('pg_typeof\ninteger\nSELECT 1\nI')
})
