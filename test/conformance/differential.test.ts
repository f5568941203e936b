/**
 * The corpus on taudb and on PostgreSQL 16, through one client: rows, columns, type oids, tags, notices, and every field of every error.
 * `TAUDB_CORPUS=numeric npx vitest run --no-isolate test/conformance/differential` runs the files whose name contains the word.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startCluster } from '../../actors/cluster.ts'
import { type AcceptedDifference, acceptedDifferences, acceptedDifferencesMax } from './accepted-differences.ts'
import { bullets } from './bullets.ts'
import { Client, type Mode, type Statement } from './client.ts'
import { readCorpus, shape } from './corpus.ts'
import { type Oracle, oracleAvailable, startOracle } from './postgres.ts'

const only = process.env.TAUDB_CORPUS ?? ''
const corpus = readCorpus(only)
const differencesShownMax = 25

const used = new Set<AcceptedDifference>()
let oracle: Oracle

/** Answers of the oracle, by mode and file: errors are counted over all of them. */
const answers: string[][] = []

async function runFile(
  port: number,
  database: string,
  statements: readonly Statement[],
  mode: Mode,
  before: string,
): Promise<string[][]> {
  const client = await Client.connect(port, database)
  const results: string[][] = []
  const first = { file: '', line: 0, sql: before, parameters: undefined, copy: [], several: false }
  try {
    await client.run(first, 'simple')
    for (const statement of statements) results.push(await client.run(statement, mode))
  } catch (error) {
    results.push([`connection lost: ${error instanceof Error ? error.message : error}`])
  } finally {
    client.close()
  }
  return results
}

async function oracleDatabase(name: string): Promise<string> {
  const client = await Client.connect(oracle.port, 'postgres')
  const sql = `create database ${name}`
  await client.run({ file: '', line: 0, sql, parameters: undefined, copy: [], several: false }, 'simple')
  client.close()
  return name
}

const fits = (text: string, wanted: string | RegExp): boolean =>
  typeof wanted === 'string' ? wanted === text : wanted.test(text)

function accepted(statement: Statement, answer: readonly string[]): boolean {
  const entry = acceptedDifferences.find(
    (one) =>
      (one.file === undefined || one.file === statement.file) &&
      fits(statement.sql, one.statement) &&
      answer.some((line) => fits(line, one.answer)),
  )
  if (entry !== undefined) used.add(entry)
  return entry !== undefined
}

function difference(statement: Statement, ours: readonly string[], theirs: readonly string[]): string {
  const shownLines = (lines: readonly string[], other: readonly string[]): string[] =>
    lines.filter((line) => !other.includes(line)).slice(0, 6)
  return [
    `${statement.file}:${statement.line} ${statement.sql.replaceAll(/\s+/g, ' ').slice(0, 200)}`,
    ...shownLines(theirs, ours).map((line) => `    PostgreSQL  ${line.slice(0, 200)}`),
    ...shownLines(ours, theirs).map((line) => `    taudb       ${line.slice(0, 200)}`),
  ].join('\n')
}

describe.skipIf(!oracleAvailable)('the corpus', () => {
  beforeAll(async () => {
    oracle = await startOracle()
    expect(oracle.version).toMatch(/^16\./)
  })

  afterAll(() => oracle?.stop())

  for (const [file, statements] of corpus) {
    test(file, async () => {
      /** What differs, and in which ways of asking. */
      const differences = new Map<string, string[]>()
      for (const mode of ['simple', 'extended'] as const) {
        const database = await oracleDatabase(`${file.replace(/\W/g, '_')}_${mode}`)
        const theirs = await runFile(oracle.port, database, statements, mode, "set lc_messages = 'C'")
        expect(theirs.length, `${file} runs to its end on PostgreSQL: ${theirs.at(-1)}`).toBe(statements.length)
        answers.push(...theirs)
        for (const cache of ['off', 'on']) {
          const cluster = await startCluster()
          const ours = await runFile(cluster.port, 'postgres', statements, mode, `set taudb.plan_cache = ${cache}`)
          await cluster.close()
          for (const [i, statement] of statements.entries()) {
            const [mine, other] = [ours[i] ?? ['no answer'], theirs[i] as string[]]
            if (mine.join('\n') === other.join('\n') || accepted(statement, mine)) continue
            const text = difference(statement, mine, other)
            differences.set(text, [...(differences.get(text) ?? []), `${mode}, plan cache ${cache}`])
            if (mine[0]?.startsWith('connection lost')) break
          }
        }
      }
      if (differences.size === 0) return
      const shown = [...differences]
        .slice(0, differencesShownMax)
        .map(([text, ways]) => `${text}\n    in          ${ways.join('; ')}`)
      throw new Error(`${differences.size} differences\n${shown.join('\n')}`)
    }, 120_000)
  }

  test.skipIf(only !== '')('the corpus is wide, and no difference is accepted without need', () => {
    const all = [...corpus.values()].flat()
    expect(all.length).toBeGreaterThanOrEqual(1_500)
    expect(new Set(all.map(shape)).size).toBeGreaterThanOrEqual(600)
    const errors = answers.filter((lines) => lines.includes('severity ERROR'))
    expect(errors.length / answers.length).toBeGreaterThanOrEqual(0.2)
    const placed = errors.filter((lines) => lines.some((line) => line.startsWith('position ')))
    expect(placed.length / errors.length).toBeGreaterThanOrEqual(0.4)
    for (const [bullet, files] of Object.entries(bullets)) {
      const asked = all.filter(({ file }) => files.test(file))
      expect(asked.length, bullet).toBeGreaterThanOrEqual(25)
    }
    const orphans = [...corpus.keys()].filter((file) => !Object.values(bullets).some((files) => files.test(file)))
    expect(orphans).toEqual(['query-window.sql'])
    expect(acceptedDifferences.length).toBeLessThanOrEqual(acceptedDifferencesMax)
    expect(acceptedDifferences.filter((entry) => !used.has(entry))).toEqual([])
  })
})
