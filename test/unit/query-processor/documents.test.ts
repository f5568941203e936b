import { afterAll, expect, test } from 'vitest'
import { Processor } from './transcript.ts'

const processor = new Processor()
afterAll(() => processor.processor.lifecycle.drain())

const items = 60_000
const document = JSON.stringify(Array.from({ length: items }, (_, id) => ({ id, name: `item ${id}`, tags: ['a', 'b'] })))

/** Milliseconds of the longest turn of the event loop while something goes on. */
async function longestTurn(work: Promise<unknown>): Promise<number> {
  let last = cpuMs()
  let longest = 0
  let counting = true
  const turn = (): void => {
    const now = cpuMs()
    longest = Math.max(longest, now - last)
    last = now
    if (counting) setImmediate(turn)
  }
  setImmediate(turn)
  await work
  counting = false
  return longest
}

/** Of this thread alone: what others do on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

const client = await processor.open()
await client.query('create table documents (id int primary key, j jsonb)')
await client.query(`insert into documents values (1, '${document}'), (2, '{"a": 1}')`)

test.each([
  ['what stands in it', `select j->59999->>'name', j#>>'{-1,tags,1}', j->60000 from documents where id = 1`, 'item 59999|b|NULL'],
  ['its text', 'select length(j::text) from documents where id = 1', String(document.length + items * 7 - 1)],
  ['a change', `select jsonb_array_length(jsonb_set(j, '{0}', '7') || '[8]') from documents where id = 1`, '60001'],
  ['its kind', 'select jsonb_typeof(j), jsonb_typeof(j->0) from documents where id = 1', 'array|object'],
  ['asked again and again', "select j->1 = j->1, j->2 = j->3, j->4 = j->4, j->5->>'id' from documents where id = 1", 't|f|t|5'],
])('a large document answers as a small one does: %s', async (_name, sql, expected) => {
  expect((await client.query(sql)).split('\n')[1]).toBe(expected)
})

test('nobody waits for a large document but its own statement: input, output, and a mistake in its text', async () => {
  const out = client.query('select j from documents order by id')
  expect(await longestTurn(out)).toBeLessThan(100)
  expect((await out).split('\n')[1]?.slice(0, 49)).toBe('[{"id": 0, "name": "item 0", "tags": ["a", "b"]},')
  const back = client.query(`select jsonb_array_length('${document}')`)
  expect(await longestTurn(back)).toBeLessThan(100)
  expect(await back).toBe(`jsonb_array_length\n${items}\nSELECT 1\nI`)
  expect(await client.query(`select 1, '${document.slice(0, -1)}'::jsonb`)).toMatch(/^22P02 invalid input syntax for type json/)
})
