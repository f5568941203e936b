import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { bind } from '../../../actors/query-processor/sql/bind/bind.ts'
import { parse } from '../../../actors/query-processor/sql/parse.ts'
import { SqlError } from '../../../protocol/errors.ts'
import { outputDefaults } from '../../../protocol/values/type.ts'
import { showBound } from './show-bound.ts'
import { smallCatalog } from './small-catalog.ts'

/**
 * Every block of transcripts/*.script is a statement, `---`, and what it is bound to or refused with (columns, types and errors as
 * PostgreSQL 16 describes them). TAUDB_TRANSCRIPTS=write rewrites them.
 */
const folder = new URL('./transcripts/', import.meta.url)

function answer(sql: string): string {
  try {
    const [statement] = parse(sql)
    const result = bind(statement!.node, {
      catalog: smallCatalog,
      searchPath: ['public'],
      parameterTypes: [],
      positionOf: (location) => statement!.positionOf(location),
      settings: { ...outputDefaults, now: 0n },
      user: 'postgres',
      database: 'postgres',
    })
    return showBound(result).join('\n')
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    const { position, detail, hint } = error.fields
    return [
      `${error.code} ${error.message}${position === undefined ? '' : ` at ${position}`}`,
      ...(detail === undefined ? [] : [`detail: ${detail}`]),
      ...(hint === undefined ? [] : [`hint: ${hint}`]),
    ].join('\n')
  }
}

for (const file of readdirSync(folder).filter((name) => name.endsWith('.script'))) {
  const path = new URL(file, folder)
  let blocks = readFileSync(path, 'utf8').trim().split(/\n\n+/)
  if (process.env.TAUDB_TRANSCRIPTS === 'write') {
    blocks = blocks.map((block) => {
      const sql = block.split('\n---')[0]!
      return `${sql}\n---\n${answer(sql)}`
    })
    writeFileSync(path, `${blocks.join('\n\n')}\n`)
  }
  test(file, () => {
    expect(blocks.length).toBeGreaterThan(0)
    for (const block of blocks) {
      const [sql, expected] = block.split('\n---\n')
      expect.soft(`${sql}\n---\n${answer(sql!)}`).toBe(`${sql}\n---\n${expected}`)
    }
  })
}
