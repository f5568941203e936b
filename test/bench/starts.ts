/** How long a user waits for the first answer: from the start of the process to the end of the first query. */
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { quantile } from './side.ts'

const root = join(import.meta.dirname, '../..')
const retryDelayMs = 3
const ready = 'Z\0\0\0\x05I'

/** Time the first process has to write its compile cache, which it does once it is ready. */
const cacheMs = 1_000

/** Median of several warm starts, in milliseconds; each process is killed after its answer, so that the next one recovers. */
export async function startMs(words: readonly string[], sql: string, starts: number, port: number): Promise<number> {
  const times: number[] = []
  const start = (stayMs: number): Promise<number> => oneStart([...words, '--port', String(port)], sql, port, stayMs)
  await start(cacheMs)
  for (let i = 0; i < starts; i++) times.push(await start(0))
  return quantile(times, 0.5)
}

async function oneStart(words: readonly string[], sql: string, port: number, stayMs: number): Promise<number> {
  const begun = performance.now()
  const child = spawn(process.execPath, [join(root, 'actors/cli.ts'), ...words], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  try {
    for (;;) {
      if (isOver) throw new Error(`taudb ${words.join(' ')} does not start`)
      if (await answered(sql, port)) break
      await pause(retryDelayMs)
    }
    const taken = performance.now() - begun
    await pause(stayMs)
    return taken
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** False while nobody listens. The answer's end is ReadyForQuery. */
function answered(sql: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let asked = false
    let heard = ''
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.write(message('', '\0\x03\0\0user\0postgres\0database\0postgres\0\0')))
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1')
      if (!heard.endsWith(ready)) return
      heard = ''
      if (asked) {
        socket.destroy()
        resolve(true)
      } else socket.write(message('Q', `${sql}\0`))
      asked = true
    })
  })
}

function message(type: string, body: string): Buffer {
  const bytes = Buffer.from(`${type}\0\0\0\0${body}`, 'latin1')
  bytes.writeUInt32BE(body.length + 4, type.length)
  return bytes
}
