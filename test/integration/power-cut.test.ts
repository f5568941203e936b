/**
 * A power cut for real: the data directory lies on an ext4 file system of its own, which is shut down without flushing its log (EXT4_IOC_SHUTDOWN)
 * while clients write. What was synced stays, what was not is gone, as with the plug pulled. Needs root, loop devices and python3 for the ioctl;
 * where they are missing the test says so and is skipped.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { expect, test } from 'vitest'
import { type ServerProcess, startServer, temporaryDirectory } from './server-process.ts'

const cuts = process.env.TAUDB_TEST_LONG === '1' ? 20 : 2

const run = (program: string, ...words: string[]): boolean => spawnSync(program, words, { timeout: 20_000 }).status === 0

/** _IOR('X', 125, __u32) with EXT4_GOING_FLAGS_NOLOGFLUSH. */
const shutDown = (path: string): boolean =>
  run(
    'python3',
    '-c',
    'import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack("I", 2))',
    path,
  )

function mountable(directory: string): string | undefined {
  const image = join(directory, 'image')
  const place = join(directory, 'mounted')
  mkdirSync(place)
  const ready =
    run('truncate', '-s', '512M', image) && run('mkfs.ext4', '-q', '-F', image) && run('mount', '-o', 'loop', image, place)
  return ready ? place : undefined
}

test(`${cuts} power cuts lose nothing that was acknowledged`, { timeout: 60_000 + cuts * 20_000 }, async (context) => {
  using directory = temporaryDirectory('power')
  const place = mountable(directory.path)
  if (place === undefined || !run('python3', '--version')) {
    process.stderr.write('power-cut.test.ts is skipped: it takes root, loop devices, mkfs.ext4 and python3\n')
    return context.skip('an ext4 file system cannot be mounted here')
  }
  const image = join(directory.path, 'image')
  const acknowledged: number[] = []
  let next = 1
  let controlsLost = 0
  try {
    for (let cut = 0; cut < cuts; cut++) {
      const server = await begin(join(place, 'data'), cut)
      await ask(server.connectionString, 'create table if not exists entry (n bigint primary key, note text)')
      const control = join(place, `control ${cut}`)
      const clients = Array.from({ length: 4 }, async () => {
        const client = new pg.Client({ connectionString: server.connectionString })
        client.on('error', () => {})
        await client.connect()
        for (;;) {
          const n = next++
          await client.query('insert into entry values ($1, $2)', [n, 'x'.repeat(n % 500)])
          acknowledged.push(n)
        }
      })
      const ended = Promise.allSettled(clients)
      await new Promise((resolve) => setTimeout(resolve, 700 + cut * 130))
      // The positive control: nobody syncs it, so the cut must take it.
      writeFileSync(control, 'never synced')
      expect(shutDown(place)).toBe(true)
      const before = [...acknowledged]
      await server.stop('SIGKILL')
      await ended
      expect(run('umount', place)).toBe(true)
      expect(run('mount', '-o', 'loop', image, place)).toBe(true)
      if (!existsSync(control) || readFileSync(control, 'utf8') !== 'never synced') controlsLost++
      const again = await begin(join(place, 'data'), cut)
      const present = new Set((await ask(again.connectionString, 'select n from entry')).map(({ n }) => Number(n)))
      expect(before.filter((n) => !present.has(n))).toEqual([])
      // What was answered while the device was already gone counts as well.
      expect(acknowledged.filter((n) => !present.has(n))).toEqual([])
      expect(await again.stop()).toBe(0)
    }
  } finally {
    run('umount', '-l', place)
  }
  expect(acknowledged.length).toBeGreaterThan(cuts * 50)
  expect(controlsLost).toBe(cuts)
  process.stderr.write(`${cuts} power cuts: ${acknowledged.length} rows acknowledged and found, ${controlsLost} controls lost\n`)
})

/** The plain server, and every other time the one with small segments: then segments roll, storage is written and the journal trimmed all the time. */
const begin = (data: string, cut: number): Promise<ServerProcess> =>
  cut % 2 === 0
    ? startServer(['--port', '0', '--data', data])
    : startServer([data, 'never', 'before', '1'], {}, 'test/integration/crash-server.ts')

async function ask(connectionString: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}
