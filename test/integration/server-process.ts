import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** A real taudb process, as `npm start` would run it. */
export interface ServerProcess {
  readonly port: number
  readonly connectionString: string
  readonly pid: number
  /** Resolves with the exit code, or the signal's name. */
  readonly exited: Promise<number | string>
  output(): string
  /** Sends the signal only. */
  kill(signal: NodeJS.Signals): void
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | string>
}

export class ServerDidNotStart extends Error {
  readonly exit: number | string
  readonly output: string

  constructor(exit: number | string, output: string) {
    super(`taudb ended with ${exit}: ${output}`)
    this.exit = exit
    this.output = output
  }
}

/** A directory that goes when the test does. */
export function temporaryDirectory(name: string): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), `taudb-${name}-`))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** `program`: another one that says the same when it is ready. */
export async function startServer(
  words: readonly string[],
  environment: Record<string, string> = {},
  program = 'actors/cli.ts',
): Promise<ServerProcess> {
  const child = spawn(process.execPath, [join(root, program), ...words], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const exited = new Promise<number | string>((resolve) =>
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 'unknown')),
  )
  const ready = new Promise<string>((resolve) => {
    const collect = (bytes: Buffer): void => {
      output += bytes
      // A process without a frontend is ready without an address.
      const [, line = 'postgres://nobody:0'] = /psql "(postgres:[^"]+)"/.exec(output) ?? []
      if (/ is ready\n[\s\S]*\n/.test(output)) resolve(line)
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
  })
  const connectionString = await Promise.race([ready, exited.then((exit) => Promise.reject(new ServerDidNotStart(exit, output)))])
  return {
    port: Number(new URL(connectionString).port),
    connectionString,
    pid: pidOf(child),
    exited,
    output: () => output,
    kill: (signal) => void child.kill(signal),
    stop: (signal = 'SIGTERM') => {
      child.kill(signal)
      return exited
    },
  }
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the process was not started')
  return child.pid
}
