/**
 * The machine's clock goes an hour back while the database is down: it starts at once, sees everything, and writes go on at once, since no wall
 * clock is trusted (rules 3 and 12). The clock is libfaketime's; where Debian's package cannot be had the test says so and is skipped.
 */
import pg from 'pg'
import { expect, test } from 'vitest'
import { fakeTimeLibrary } from './debian-clients.ts'
import { startServer, temporaryDirectory } from './server-process.ts'

test('a restart with the clock an hour back: writes succeed at once', { timeout: 60_000 }, async (context) => {
  const library = fakeTimeLibrary()
  if (library === undefined) {
    process.stderr.write('clock-back.test.ts is skipped: it takes libfaketime (Debian: apt-get install libfaketime)\n')
    return context.skip('libfaketime cannot be had here')
  }
  using directory = temporaryDirectory('clock')
  const words = ['--port', '0', '--data', directory.path]
  const offsets = [0, -3_600, -7_200, 0]
  let rows = 0
  for (const [turn, offset] of offsets.entries()) {
    const server = await startServer(
      words,
      offset === 0 ? {} : { LD_PRELOAD: library, FAKETIME: `${offset}s`, FAKETIME_DONT_FAKE_MONOTONIC: '1' },
    )
    const client = new pg.Client({ connectionString: server.connectionString })
    client.on('error', () => {})
    await client.connect()
    if (turn === 0) await client.query('create table entry (n int primary key, note text)')
    const { rows: clock } = await client.query('select extract(epoch from clock_timestamp())::float8 as seconds')
    expect(Math.abs(clock[0].seconds - (Date.now() / 1_000 + offset))).toBeLessThan(60)
    const started = performance.now()
    for (let i = 0; i < 20; i++) await client.query('insert into entry values ($1, $2)', [++rows, `turn ${turn}`])
    await client.query('update entry set note = note where n <= 20')
    expect(performance.now() - started).toBeLessThan(5_000)
    const { rows: counted } = await client.query('select count(*)::int as count, max(n) as last from entry')
    expect(counted).toEqual([{ count: rows, last: rows }])
    await client.end()
    // The next one finds a journal whose horizon lies an hour ahead of its clock, be it left in good order or not.
    expect(await server.stop(turn % 2 === 0 ? 'SIGKILL' : 'SIGTERM')).toBe(turn % 2 === 0 ? 'SIGKILL' : 0)
  }
})
