/** The house rules of CONTRIBUTING.md that a program can check: import directions, doors, circles, file sizes, forbidden words. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => /^(protocol|bus|observability|actors|test)\/.*\.ts$/.test(file))
  .sort()
const text = new Map(sources.map((file) => [file, readFileSync(join(root, file), 'utf8')]))
const product = sources.filter((file) => !file.startsWith('test/'))

interface Import {
  readonly from: string
  readonly onlyTypes: boolean
}

function importsOf(file: string): Import[] {
  const found: Import[] = []
  const statement = /^(import|export)\s+(type\s+)?(?:[^'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm
  for (const [, , type, from] of (text.get(file) as string).matchAll(statement)) {
    found.push({ from: from as string, onlyTypes: type !== undefined })
  }
  for (const [, from] of (text.get(file) as string).matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    found.push({ from: from as string, onlyTypes: false })
  }
  return found
}

const targetOf = (file: string, from: string): string => normalize(join(dirname(file), from))

const ports = /^bus\/(bus|world|log|objects|sockets)\.ts$/
const wholes = /^actors\/[^/]+\.ts$/
const sql = 'actors/query-processor/sql'

/** First match wins: who, and what it may import. `$1` is the room of the importer. */
const directions: readonly [RegExp, readonly RegExp[]][] = [
  [/^protocol\//, [/^protocol\//]],
  [/^observability\//, [/^observability\//, /^protocol\//]],
  [/^bus\//, [/^bus\//, /^protocol\//]],
  [/^actors\/(actor|topology|config)\.ts$/, [/^actors\/(actor|topology|config)\.ts$/, ports, /^protocol\//, /^observability\//]],
  [wholes, [/^(actors|bus|protocol|observability)\//]],
  [/^actors\/([^/]+)\//, [/^actors\/$1\//, /^actors\/(actor|topology)\.ts$/, ports, /^protocol\//, /^observability\//]],
]

/** Within sql/: statement.ts puts the steps together, so a step imports only what stands to its right. */
const steps: readonly [string, readonly string[]][] = [
  ['functions', ['catalog']],
  ['catalog', ['functions']],
  ['bind', ['functions', 'catalog', 'lex.ts', 'parse.ts']],
  ['plan', ['bind', 'functions', 'catalog', 'execute']],
  ['execute', ['plan', 'bind', 'functions', 'catalog']],
  ['ddl', ['execute', 'plan', 'bind', 'functions', 'catalog', 'lex.ts', 'parse.ts']],
]

/** Packages and powers, and the files that may use them. */
const doors: readonly [RegExp, RegExp][] = [
  [/^@nats-io\//, /^bus\/nats/],
  [/^lmdb$/, /^actors\/storage\/lmdb-tables\.ts$/],
  [/^libpg-query$/, /^actors\/query-processor\/sql\/parse\.ts$/],
  [/^pgsql-ast-parser$/, /^console\//],
  [/^pg-protocol$/, /^(test|console)\//],
  [/^@opentelemetry\/api$/, /^observability\//],
  [/^@opentelemetry\//, /^observability\/sdk\.ts$/],
  [/^re2js$/, /^actors\/query-processor\/sql\/functions\//],
  [/^xstate$/, /^(actors\/(actor\.ts|[^/]+\/[^/]+\.ts)|bus\/nats-connection\.ts)$/],
  // The parser's own .wasm file belongs to the program, like the sources: it is read when the module is loaded.
  [/^node:fs$/, /^(bus\/|actors\/(cli|main|cluster)\.ts$|actors\/query-processor\/sql\/parse\.ts$)/],
  [/^node:(fs|net|tls|timers|child_process|worker_threads|os|perf_hooks)(\/|$)/, /^(bus\/|actors\/(cli|main)\.ts$)/],
]

test('imports go in one direction', () => {
  const wrong: string[] = []
  for (const file of product) {
    const [pattern, allowed] = directions.find(([from]) => from.test(file)) ?? [/^$/, []]
    const room = pattern.exec(file)?.[1] ?? ''
    for (const { from } of importsOf(file)) {
      if (!from.startsWith('.')) continue
      const target = targetOf(file, from)
      if (!text.has(target) && !target.endsWith('.json')) wrong.push(`${file}: ${from} is not there`)
      if (!allowed.some((rule) => new RegExp(rule.source.replace('$1', room)).test(target)))
        wrong.push(`${file} may not import ${target}`)
    }
  }
  expect(wrong).toEqual([])
})

test('the steps of a statement go in one direction', () => {
  const wrong: string[] = []
  for (const file of product.filter((name) => name.startsWith(`${sql}/`))) {
    const [here = '', inside] = file.slice(sql.length + 1).split('/')
    const allowed = steps.find(([step]) => step === here)?.[1]
    for (const { from, onlyTypes } of importsOf(file)) {
      if (!from.startsWith('.') || onlyTypes) continue
      const target = targetOf(file, from)
      if (!target.startsWith('actors/query-processor/')) continue
      if (!target.startsWith(`${sql}/`)) {
        wrong.push(`${file} may not import ${target}: SQL knows nothing of sessions`)
        continue
      }
      const there = target.slice(sql.length + 1).split('/')[0] as string
      if (inside !== undefined && there !== here && allowed?.includes(there) !== true)
        wrong.push(`${file} may not import ${target}`)
    }
  }
  expect(wrong).toEqual([])
})

test('every package and power has one door', () => {
  const wrong: string[] = []
  for (const file of product) {
    for (const { from } of importsOf(file)) {
      const door = doors.find(([what]) => what.test(from))
      if (door !== undefined && !door[1].test(file)) wrong.push(`${file}: ${from} has its door elsewhere`)
    }
    if (/^bus\//.test(file) || /^actors\/(cli|main)\.ts$/.test(file)) continue
    const code = withoutComments(text.get(file) as string)
    for (const power of [
      /\bDate\.now\(/,
      /\bMath\.random\(/,
      /\bsetTimeout\(/,
      /\bsetInterval\(/,
      /\bsetImmediate\(/,
      /\bprocess\.hrtime/,
      /\bperformance\.now/,
    ]) {
      if (power.test(code)) wrong.push(`${file}: ${power.source} belongs to the world`)
    }
  }
  expect(wrong).toEqual([])
})

test('nothing of ours imports in a circle', () => {
  const circles: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    if (done.has(file)) return
    if (path.includes(file)) {
      circles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      return
    }
    for (const { from, onlyTypes } of importsOf(file)) {
      if (from.startsWith('.') && !onlyTypes && text.has(targetOf(file, from))) visit(targetOf(file, from), [...path, file])
    }
    done.add(file)
  }
  for (const file of product) visit(file, [])
  expect(circles).toEqual([])
})

test('nothing but tests imports tests', () => {
  const wrong = product.filter((file) =>
    importsOf(file).some(({ from }) => from.startsWith('.') && targetOf(file, from).startsWith('test/')),
  )
  expect(wrong).toEqual([])
})

test('files are short, named in kebab-case, and no drawer is called utils', () => {
  const wrong: string[] = []
  for (const file of sources) {
    const name = basename(file)
    const lines = (text.get(file) as string).split('\n').length
    if (lines > 900 && !name.endsWith('.generated.ts')) wrong.push(`${file}: ${lines} lines; split it where it holds two ideas`)
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|generated|d))*\.ts$/.test(name)) wrong.push(`${file}: not kebab-case`)
    if (/^(index|utils?|helpers?|types|common|misc|manager|service)\.ts$/.test(name))
      wrong.push(`${file}: named after nothing it does`)
  }
  expect(wrong).toEqual([])
})

test('one thing, one word; nothing left for later', () => {
  const wrong: string[] = []
  for (const file of product) {
    const code = text.get(file) as string
    for (const word of [/\bTODO\b/, /\bFIXME\b/, /\bXXX\b/, /\bHACK\b/, /@ts-ignore/, /@ts-expect-error/]) {
      if (word.test(code)) wrong.push(`${file}: ${word.source}`)
    }
    if (/\bexport default\b/.test(code)) wrong.push(`${file}: default export`)
  }
  expect(wrong).toEqual([])
})

test('no test is narrowed or skipped without a word', () => {
  const narrowed = sources.filter(
    (file) =>
      file.startsWith('test/') &&
      file !== 'test/tidy.test.ts' &&
      /\b(it|test|describe)\.(only|todo|skip)\b/.test(text.get(file) as string),
  )
  expect(narrowed).toEqual([])
})

function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}
