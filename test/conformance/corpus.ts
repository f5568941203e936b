import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Statement } from './client.ts'

const folder = join(import.meta.dirname, 'corpus')

/** The files of the corpus, each with its statements; `only` picks those whose name contains it. */
export function readCorpus(only = ''): ReadonlyMap<string, readonly Statement[]> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.sql') && name.includes(only))
  return new Map(files.sort().map((file) => [file, readStatements(file, readFileSync(join(folder, file), 'utf8'))]))
}

/**
 * A statement ends with a `;` at the end of a line; what stands between two lines `---` is sent as one message.
 * `--: 1 | abc | \N | x'00ff'` on the line before gives parameters, the last one in its binary format; lines up to `\.` behind a COPY FROM STDIN are its data.
 */
export function readStatements(file: string, text: string): Statement[] {
  const statements: Statement[] = []
  const lines = text.split('\n')
  let parameters: Statement['parameters']
  let sql: string[] = []
  let start = 0
  let several = false
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as string
    if (line === '---') several = !several
    else if (sql.length === 0 && line.startsWith('--: ')) {
      parameters = line
        .slice(4)
        .split(' | ')
        .map((word) => (word === '\\N' ? null : /^x'[0-9a-f]*'$/.test(word) ? Buffer.from(word.slice(2, -1), 'hex') : word))
      continue
    } else if (sql.length === 0 && (line.trim() === '' || line.startsWith('--'))) continue
    else {
      if (sql.length === 0) start = i + 1
      sql.push(line)
    }
    const ended = several ? false : line === '---' || /;\s*$/.test(line)
    if (!ended || sql.length === 0) continue
    const whole = line === '---' ? sql.join('\n') : sql.join('\n').replace(/;\s*$/, '')
    const copy: string[] = []
    if (/^\s*copy\b.*\bfrom\s+stdin\b/is.test(whole)) {
      while (lines[i + 1] !== '\\.' && i + 1 < lines.length) copy.push(lines[++i] as string)
      i++
    }
    statements.push({ file, line: start, sql: whole, parameters, copy, several: line === '---' })
    sql = []
    parameters = undefined
  }
  if (sql.length > 0) throw new Error(`${file}:${start}: a statement without its end`)
  return statements
}

/** The statement without its literals and names of spaces: two of one shape test the same thing twice. */
export function shape({ sql }: Statement): string {
  return sql
    .toLowerCase()
    .replace(/'(?:[^']|'')*'/g, "'?'")
    .replace(/\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b/g, '?')
    .replace(/\s+/g, ' ')
    .trim()
}
