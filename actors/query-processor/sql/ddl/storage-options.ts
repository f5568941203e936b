import { SqlError } from '../../../../protocol/errors.ts'
import type { DdlWork } from './context.ts'
import type { DdlNode } from './parse-tree.ts'

/** fillfactor and the like speak of pages, which we do not have: accepted where PostgreSQL accepts them, so that dumps load, and said aloud. */

type Kind = 'boolean' | 'real' | 'text' | readonly [low: number, high: number]

const whole = [0, 2_147_483_647] as const
const settable: Readonly<Record<string, Kind>> = {
  enabled: 'boolean',
  vacuum_threshold: whole,
  vacuum_insert_threshold: [-1, 2_147_483_647],
  vacuum_scale_factor: 'real',
  vacuum_insert_scale_factor: 'real',
  vacuum_cost_delay: 'real',
  vacuum_cost_limit: [1, 10_000],
  freeze_min_age: [0, 1_000_000_000],
  freeze_max_age: [100_000, 2_000_000_000],
  freeze_table_age: [0, 2_000_000_000],
  multixact_freeze_min_age: [0, 1_000_000_000],
  multixact_freeze_max_age: [10_000, 2_000_000_000],
  multixact_freeze_table_age: [0, 2_000_000_000],
}
const vacuum: Readonly<Record<string, Kind>> = {
  ...Object.fromEntries(Object.entries(settable).map(([name, kind]) => [`autovacuum_${name}`, kind])),
  log_autovacuum_min_duration: [-1, 2_147_483_647],
  vacuum_index_cleanup: 'text',
  vacuum_truncate: 'boolean',
}
const known: Readonly<Record<'table' | 'index', Readonly<Record<string, Kind>>>> = {
  table: {
    ...vacuum,
    ...Object.fromEntries(Object.entries(vacuum).map(([name, kind]) => [`toast.${name}`, kind])),
    fillfactor: [10, 100],
    toast_tuple_target: [128, 8_160],
    parallel_workers: [0, 1_024],
    autovacuum_analyze_threshold: whole,
    autovacuum_analyze_scale_factor: 'real',
    user_catalog_table: 'boolean',
  },
  index: { fillfactor: [10, 100], deduplicate_items: 'boolean' },
}

export function ignoreStorageOptions(work: DdlWork, options: readonly DdlNode[] | undefined, of: 'table' | 'index'): void {
  const names = (options ?? []).flatMap(({ DefElem: option }) => {
    if (option === undefined) return []
    const name = option.defnamespace === undefined ? option.defname : `${option.defnamespace}.${option.defname}`
    checkOption(name, option.arg, of)
    return [name]
  })
  for (const name of names) work.notice(`storage parameter "${name}" has no effect and is ignored`)
}

function checkOption(name: string, value: DdlNode | undefined, of: 'table' | 'index'): void {
  // What old dumps say, and means what is so anyway.
  if (name === 'oids' && of === 'table') {
    if (/^(f|false|off|0|no)$/i.test(written(value))) return
    throw new SqlError('0A000', 'tables declared WITH OIDS are not supported')
  }
  const kind = Object.hasOwn(known[of], name) ? known[of][name] : undefined
  if (kind === undefined) throw new SqlError('22023', `unrecognized parameter "${name}"`)
  const text = written(value)
  if (kind === 'text') return
  const short = name.replace(/^toast\./, '')
  if (kind === 'boolean') {
    const isBoolean = ['true', 'false', 'yes', 'no', 'on', 'off', '1', '0'].some((word) => word.startsWith(text.toLowerCase()))
    if (!isBoolean || text === '' || /^o$/i.test(text)) throw invalid('boolean', short, text)
    return
  }
  const number = Number(text)
  if (kind === 'real') {
    if (text.trim() === '' || Number.isNaN(number)) throw invalid('floating point', short, text)
    return
  }
  if (!/^[+-]?\d+$/.test(text.trim())) throw invalid('integer', short, text)
  const [low, high] = kind
  if (number >= low && number <= high) return
  throw new SqlError('22023', `value ${text} out of bounds for option "${short}"`, {
    detail: `Valid values are between "${low}" and "${high}".`,
  })
}

const invalid = (kind: string, name: string, text: string): SqlError =>
  new SqlError('22023', `invalid value for ${kind} option "${name}": ${text}`)

/** A parameter without a value is true. */
function written(node: DdlNode | undefined): string {
  if (node === undefined) return 'true'
  if (node.Integer !== undefined) return String(node.Integer.ival ?? 0)
  if (node.Float !== undefined) return node.Float.fval
  if (node.String !== undefined) return node.String.sval ?? ''
  return node.TypeName?.names?.at(-1)?.String?.sval ?? ''
}
