/**
 * Drivers of other languages against a server of this tree, in memory: `npm run test:clients [-- language ...]`. Packages come from each
 * language's own registry and are kept outside the tree. A language whose tools are missing is skipped, and says so.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '../integration/server-process.ts'

const languages = ['python', 'java', 'go', 'rust']
/** What a run.sh says when its tools are not there, as in automake. */
const skippedStatus = 77

function speaks(language: string, port: number): boolean {
  const folder = join(tmpdir(), 'taudb-clients', language)
  mkdirSync(folder, { recursive: true })
  process.stdout.write(`${language}\n`)
  const { status } = spawnSync('sh', [join(import.meta.dirname, language, 'run.sh'), folder], {
    env: { ...process.env, PGHOST: '127.0.0.1', PGPORT: String(port) },
    stdio: 'inherit',
  })
  if (status === 0) return true
  const isSkipped = status === skippedStatus
  process.stdout.write(isSkipped ? `  SKIPPED: its tools are not on this machine\n` : `  FAILED with ${status}\n`)
  return isSkipped
}

const asked = process.argv.slice(2)
const unknown = asked.find((word) => !languages.includes(word))
if (unknown !== undefined) {
  process.stderr.write(`no client in "${unknown}": there are ${languages.join(', ')}\n`)
  process.exit(1)
}
let failures = 0
for (const language of asked.length > 0 ? asked : languages) {
  const server = await startServer(['--ephemeral', '--port', '0'])
  if (!speaks(language, server.port)) failures++
  await server.stop()
}
process.exitCode = failures > 0 ? 1 : 0
