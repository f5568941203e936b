import type { Chance } from './chance.ts'

const token =
  /\s+|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\$.*?\$\$|--.*|\d+(?:\.\d+)?(?:e[+-]?\d+)?|[a-z_]\w*|::|<=|>=|<>|\|\||->>|->|./gis

const strangers = [
  '1',
  "'x'",
  'null',
  '1.5',
  'true',
  "'2024-01-01'::date",
  "'1 day'::interval",
  'array[1, 2]',
  "'{}'::jsonb",
  'nope',
  'count(*)',
  '(select 1)',
  '(select 1, 2)',
  'generate_series(1, 2)',
  'sum(1)',
  '*',
  'row(1, 2)',
  '-',
  'not',
  'in',
  'order by 1',
  'distinct',
  '::int',
  '::text',
  '::bool',
  '::numeric(3,1)',
  '::nope',
  '[1]',
  '.x',
  ',',
  ')',
  '(',
  '||',
  '=',
  'is null',
  'collate "C"',
]

/** The statement with one or two mistakes: tokens lost, doubled, in the wrong place, or from elsewhere. */
export function damaged(chance: Chance, sql: string, other: string): string {
  let parts: string[] = sql.match(token) ?? []
  const elsewhere = (other.match(token) ?? []).filter((part) => part.trim() !== '')
  for (let mistakes = chance.pick([1, 1, 1, 2]); mistakes > 0 && parts.length > 0; mistakes--) {
    const solid = parts.flatMap((part, i) => (part.trim() === '' || i === 0 ? [] : [i]))
    if (solid.length === 0) break
    const at = chance.pick(solid)
    const kind = chance.below(7)
    if (kind === 0) parts = parts.toSpliced(at, 1)
    else if (kind === 1) parts = parts.toSpliced(at, 0, parts[at] as string, ' ')
    else if (kind === 2) parts = parts.toSpliced(at, 1, parts[chance.pick(solid)] as string)
    else if (kind === 3) parts = parts.toSpliced(at, 1, chance.pick(strangers))
    else if (kind === 4) parts = parts.toSpliced(at + 1, 0, ' ', chance.pick(strangers))
    else if (kind === 5 && elsewhere.length > 0) parts = parts.toSpliced(at, 1, chance.pick(elsewhere))
    else
      parts = parts.toSpliced(
        at + 1,
        0,
        chance.pick(['::int', '::text', '::date', '::jsonb', '::int[]', '::interval', '::bytea', '::varchar(1)']),
      )
  }
  return parts.join('')
}
