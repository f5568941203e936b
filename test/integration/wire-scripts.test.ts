/**
 * Golden transcripts of the protocol: each block of `>` lines goes out in one write, and the `<` lines below it say what came back, the
 * `=` lines in how many writes. `vitest -u test/integration/wire-scripts` rewrites the answers.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createFrontend } from '../../actors/frontend/frontend.ts'
import { EchoQueryProcessor } from './echo.ts'
import { type MemorySocket, MemorySockets } from './memory-sockets.ts'
import { backendMessages, frontendMessage } from './transcript.ts'
import { ManualClock, wireWorld } from './wire-world.ts'

const folder = join(import.meta.dirname, '../scripts/protocol')

/** Answers may come a few microtasks later. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function play(script: string, chunkSize: number): Promise<string> {
  const sockets = new MemorySockets()
  const clock = new ManualClock()
  const bugs: unknown[] = []
  const frontend = await createFrontend({
    world: wireWorld(clock),
    sockets,
    queryProcessor: new EchoQueryProcessor(),
    config: { host: '127.0.0.1', port: 5432, connectionsMax: 3 },
    report: (error) => bugs.push(error),
  })
  const clients = new Map<string, MemorySocket>()
  const lines: string[] = []
  let pending: { client: MemorySocket; name: string; bytes: Buffer[] } | undefined
  const flush = async (): Promise<void> => {
    if (pending === undefined) return
    const { client, name, bytes } = pending
    pending = undefined
    const all = Buffer.concat(bytes)
    for (let at = 0; at < all.length; at += chunkSize) client.write(all.subarray(at, at + chunkSize))
    await settle()
    const writes = client.writes.length
    for (const line of backendMessages(client.take())) lines.push(`${name}< ${line}`)
    if (writes > 1 && chunkSize === Number.POSITIVE_INFINITY) lines.push(`${name}= ${writes} writes`)
    if (client.state !== 'open') lines.push(`${name}= closed`)
  }
  for (const line of script.split('\n')) {
    const [, name = '', sign, rest = ''] = /^(\w*)([>!])\s(.*)$/.exec(line) ?? []
    if (sign === undefined) {
      await flush()
      if (!/^\w*[<=] /.test(line)) lines.push(line)
      continue
    }
    lines.push(line)
    let client = clients.get(name)
    if (rest === 'connect' || client === undefined) clients.set(name, (client = sockets.connect()))
    if (sign === '!') {
      await flush()
      if (rest === 'finish') client.finish()
      else if (rest.startsWith('pass ')) clock.advance(Number(rest.slice(5)))
      else if (rest === 'drain') void frontend.close()
      pending = { client, name, bytes: [] }
      await flush()
      continue
    }
    if (pending !== undefined && pending.name !== name) await flush()
    pending ??= { client, name, bytes: [] }
    pending.bytes.push(frontendMessage(rest))
  }
  await flush()
  expect(bugs.length).toBe(script.includes('Query bug') ? 1 : 0)
  return lines.join('\n')
}

for (const file of readdirSync(folder).filter((name) => name.endsWith('.script'))) {
  test(file, async () => {
    const path = join(folder, file)
    const script = readFileSync(path, 'utf8')
    await expect(await play(script, Number.POSITIVE_INFINITY)).toMatchFileSnapshot(path)
    const without = (text: string): string => text.replaceAll(/^\w*= \d+ writes\n/gm, '')
    expect(await play(script, 1)).toBe(without(await play(script, Number.POSITIVE_INFINITY)))
  })
}
