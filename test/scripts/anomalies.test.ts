/**
 * Anomalies by name, as transcripts: several sessions, one line at a time, each answer below its line. The hermitage cases and our own.
 * `npx vitest run test/scripts -u` writes the answers anew.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from '../../actors/cluster.ts'

const directory = join(import.meta.dirname, 'anomalies')
let cluster: Cluster

beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster.close())

test.each(readdirSync(directory))('%s', async (name) => {
  const path = join(directory, name)
  const lines = readFileSync(path, 'utf8').split('\n')
  const sessions = new Map<string, pg.Client>()
  const transcript: string[] = []
  const schema = `script_${name.replace(/\W/g, '_')}`
  for (const line of lines) {
    const [, who, sql] = /^(\w+): (.*)$/.exec(line) ?? []
    if (line.startsWith('#')) transcript.push(line)
    if (who === undefined || sql === undefined || line.startsWith('  ')) continue
    let session = sessions.get(who)
    if (session === undefined) {
      session = new pg.Client({ connectionString: cluster.connectionString })
      await session.connect()
      await session.query(`create schema if not exists ${schema}; set search_path = ${schema}`)
      sessions.set(who, session)
    }
    transcript.push(line, ...(await answer(session, sql)).map((row) => `  ${row}`))
  }
  for (const session of sessions.values()) await session.end()
  await expect(`${transcript.join('\n')}\n`).toMatchFileSnapshot(path)
})

async function answer(session: pg.Client, sql: string): Promise<string[]> {
  try {
    const results = (await session.query({ text: sql, rowMode: 'array' })) as unknown as
      | pg.QueryArrayResult
      | pg.QueryArrayResult[]
    const last = Array.isArray(results) ? results.at(-1) : results
    if (last === undefined || last.fields.length === 0)
      return [
        last?.command === 'UPDATE' || last?.command === 'DELETE' ? `${last.command} ${last.rowCount}` : (last?.command ?? ''),
      ]
    return last.rows.length === 0
      ? ['(no rows)']
      : last.rows.map((row: unknown[]) => row.map((value) => value ?? 'null').join(' | '))
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return [`${code} ${message}`]
  }
}
