import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CopyLines } from '../../../actors/query-processor/copy-lines.ts'
import { readCopyOptions } from '../../../actors/query-processor/copy-options.ts'
import { type Client, Processor } from './transcript.ts'

/** Nobody sends before the server has said that it takes what comes. */
async function begin(client: Client, sql: string): Promise<{ readonly done: Promise<void> }> {
  let isOver = false
  const done = Promise.resolve(client.session.query(sql)).then(() => {
    isOver = true
  })
  while (!isOver && (client.session as { readonly copyIn?: unknown }).copyIn === undefined)
    await new Promise((resolve) => setImmediate(resolve))
  return { done }
}

async function load(client: Client, sql: string, chunks: readonly string[]): Promise<string> {
  const { done } = await begin(client, sql)
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
  ['copy t from stdin', ['1\ty\t1\n\n'], '22P02 invalid input syntax for type integer: ""\nwhere: COPY t, line 2, column a: ""'],
  ['copy t from stdin', ['1\ty\t1\\', '.', '\n2\n'], 'COPY 1'],
  ['copy t from stdin', ['1\ty\\\\.\t1\n\\.'], 'COPY 1'],
  ['copy t from stdin', ['1\ty\t1\n\\.junk\n'], '22P04 end-of-copy marker corrupt\nwhere: COPY t, line 2'],
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
  const { done } = await begin(client, 'copy t from stdin')
  await client.session.copyData(Buffer.from('1\tx\t1\n'))
  await client.session.copyFail('no more')
  await done
  expect(client.output.take()).toBe('copy in\n57014 COPY from stdin failed: no more\nwhere: COPY t, line 2\nI')
  expect(await client.query('select count(*) from t')).toContain('\n0\n')
})

test('a large load waits for its reader', async () => {
  const client = await table()
  const { done } = await begin(client, 'copy t (a, b) from stdin')
  const wait = client.session.copyData(Buffer.from(`1\t${'x'.repeat(50_000)}\n`.repeat(24)))
  expect(wait).toBeInstanceOf(Promise)
  await wait
  await client.session.copyDone()
  await done
  expect(client.output.take()).toContain('COPY 24')
})

test('lines are the same whatever chunks they come in', () => {
  const [text, csv] = [
    readCopyOptions([], true, () => undefined),
    { ...readCopyOptions([], true, () => undefined), format: 'csv' as const, quote: '"', escape: '"' },
  ]
  const linesOf = (bytes: Buffer, cuts: readonly number[], options: typeof text): string[] => {
    const lines = new CopyLines(options)
    const found: string[] = []
    const take = (): void => {
      for (let line = lines.next(); line !== undefined; line = lines.next()) found.push(line.toString('latin1'))
    }
    let from = 0
    for (const to of [...cuts, bytes.length]) {
      if (to > from) lines.feed(bytes.subarray(from, to))
      from = Math.max(from, to)
      take()
    }
    lines.end()
    take()
    return found
  }
  const pieces = fc.constantFrom('a', 'bc', '\t', '\\', '\\\n', '"', '"x\ny"', '', '1234567890'.repeat(3))
  const rows = fc.array(
    fc.array(pieces, { maxLength: 4 }).map((parts) => parts.join('')),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(
      rows,
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.array(fc.nat(200), { maxLength: 8 }),
      fc.boolean(),
      (some, end, cuts, isCsv) => {
        const options = isCsv ? csv : text
        const bytes = Buffer.from(some.map((row) => row + end).join(''))
        const within = cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b)
        let whole: unknown
        try {
          whole = linesOf(bytes, [], options)
        } catch (error) {
          whole = (error as Error).message
        }
        let cut: unknown
        try {
          cut = linesOf(bytes, within, options)
        } catch (error) {
          cut = (error as Error).message
        }
        expect(cut).toEqual(whole)
      },
    ),
    { numRuns: 500 },
  )
})
