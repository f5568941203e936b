/**
 * What PostgreSQL has and taudb has not: said so (0A000 and the feature's name), never half done, and the session goes on.
 * `UPDATE=1 npx vitest run --no-isolate test/conformance/refused` writes the answers anew.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startCluster } from '../../actors/cluster.ts'
import { Client, type Mode } from './client.ts'

const file = join(import.meta.dirname, 'refused.script')

const tables = `create table t (id int primary key, a int, b text, j jsonb, d date);
  create table r (id int primary key, t_id int);
  create view v as select id, a from t;
  insert into t values (1, 10, 'x', '{}', '2024-01-01')`

const refused = readFileSync(file, 'utf8')
  .split('\n\n')
  .filter((block) => block.trim() !== '')
  .map((block) => block.trim().split('\n---\n') as [string, string])

const statement = (sql: string, several = false) => ({ file, line: 0, sql, parameters: undefined, copy: [], several })

async function ask(client: Client, sql: string, mode: Mode): Promise<string> {
  const lines = await client.run(statement(sql), mode)
  const field = (name: string): string => lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? ''
  const position = field('position')
  if (field('code') === '') return lines.join('\n')
  return `${field('code')} ${field('message')}${position === '' ? '' : ` at ${position}`}`
}

for (const mode of ['simple', 'extended'] as const) {
  test(`what is not there is refused by name (${mode} protocol)`, async () => {
    const cluster = await startCluster()
    const client = await Client.connect(cluster.port, 'postgres')
    await client.run(statement(tables, true), 'simple')
    const answers: string[] = []
    for (const [sql] of refused) {
      answers.push(await ask(client, sql, mode))
      expect((await client.run(statement('select count(*) from t'), mode)).at(-2), sql).toBe('tag SELECT 1')
    }
    client.close()
    await cluster.close()
    if (process.env.UPDATE !== undefined) {
      writeFileSync(file, `${refused.map(([sql], i) => `${sql}\n---\n${answers[i]}`).join('\n\n')}\n`)
      return
    }
    for (const [i, [sql, expected]] of refused.entries())
      expect.soft(`${sql}\n---\n${answers[i]}`).toBe(`${sql}\n---\n${expected}`)
    expect(refused.filter(([, answer]) => !answer.startsWith('0A000 '))).toEqual([])
  })
}
