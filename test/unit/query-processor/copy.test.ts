import { expect, test } from 'vitest'
import { type Client, Processor } from './transcript.ts'

async function load(client: Client, sql: string, chunks: readonly string[]): Promise<string> {
  const done = client.session.query(sql)
  for (const chunk of chunks) await client.session.copyData(Buffer.from(chunk))
  await client.session.copyDone()
  await done
  return client.output.take()
}

async function table(): Promise<Client> {
  const client = await new Processor().open()
  await client.query("create table t (a int not null, b text default 'q', c int check (c > 0))")
  return client
}

test.each([
  ['copy t from stdin', ['1\tx\t5\n2\t\\N\t7\n'], 'COPY 2'],
  ['copy t from stdin', ['1\tx', '\t5\r', '\n2\ta\\tb\\\\\\x41\t7\r\n\\.\r\n'], 'COPY 2'],
  ['copy t (a) from stdin', ['3\n4'], 'COPY 2'],
  ['copy t from stdin csv header', ['a,b,c\n1,"a""b\nc",3\n', '2,,\n'], 'COPY 2'],
  ['copy t from stdin', ['x\ty\t1\n'], '22P02 invalid input syntax for type integer: "x"\nwhere: COPY t, line 1, column a: "x"'],
  ['copy t from stdin', ['1\ty\t1\n1\ty\n'], '22P04 missing data for column "c"\nwhere: COPY t, line 2: "1\ty"'],
  ['copy t from stdin', ['1\ty\t1\t2\n'], '22P04 extra data after last expected column\nwhere: COPY t, line 1: "1\ty\t1\t2"'],
  ['copy t from stdin', ['1\ty\t1\r\n2\tz\t2\n3\tz\t\\N\r\n'], '22P04 literal newline found in data\nwhere: COPY t, line 2'],
  ['copy t from stdin csv', ['1,"open\n'], '22P04 unterminated CSV quoted field'],
])('%s %j', async (sql, chunks, expected) => {
  expect(await load(await table(), sql, chunks)).toContain(expected)
})

test('what goes out comes in again', async () => {
  const client = await table()
  await load(client, 'copy t from stdin', ['1\ta\\tb\\\\\t5\n2\t\\N\t\\N\n3\t"q",\\n\t1\n'])
  expect(await client.query('copy t to stdout')).toBe(
    'copy out\n> 1\ta\\tb\\\\\t5\n> 2\t\\N\t\\N\n> 3\t"q",\\n\t1\ncopy done\nCOPY 3\nI',
  )
  expect(await client.query('copy (select b, a from t where a = 3) to stdout csv header')).toBe(
    'copy out\n> b,a\n> """q"",\n",3\ncopy done\nCOPY 1\nI',
  )
})

test('a client that gives up leaves nothing behind', async () => {
  const client = await table()
  const done = client.session.query('copy t from stdin')
  await client.session.copyData(Buffer.from('1\tx\t1\n'))
  await client.session.copyFail('no more')
  await done
  expect(client.output.take()).toBe('copy in\n57014 COPY from stdin failed: no more\nwhere: COPY t, line 2\nI')
  expect(await client.query('select count(*) from t')).toContain('\n0\n')
})

test('a large load waits for its reader', async () => {
  const client = await table()
  const done = client.session.query('copy t (a, b) from stdin')
  const wait = client.session.copyData(Buffer.from(`1\t${'x'.repeat(50_000)}\n`.repeat(24)))
  expect(wait).toBeInstanceOf(Promise)
  await wait
  await client.session.copyDone()
  await done
  expect(client.output.take()).toContain('COPY 24')
})
