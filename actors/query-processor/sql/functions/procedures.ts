import type { Oid } from '../../../../protocol/ids.ts'
import { procedures, refusedProcedures } from './builtin.generated.ts'

export interface Procedure {
  readonly oid: Oid
  readonly name: string
  /** pg_catalog, or information_schema for what drivers call there. */
  readonly schema: string
  readonly kind: 'function' | 'aggregate' | 'window' | 'procedure'
  readonly strict: boolean
  readonly returnsSet: boolean
  /** immutable, stable, volatile */
  readonly volatility: 'i' | 's' | 'v'
  /** The element type of the variadic parameter ("any" included), else 0. */
  readonly variadic: Oid
  readonly result: Oid
  /** Input parameters; the variadic one as its array type. */
  readonly arguments: readonly Oid[]
  /** Names of the input parameters, '' where one has none; empty when none has. */
  readonly argumentNames: readonly string[]
  /** OUT, INOUT and TABLE columns of a function that returns record; empty otherwise. */
  readonly columns: readonly { readonly name: string; readonly type: Oid }[]
  /** Default values of the last parameters as texts for the type's input; null is NULL. */
  readonly defaults: readonly (string | null)[]
  readonly source: string
  readonly language: 'internal' | 'sql' | 'c'
  /** Of aggregates: ordinary, ordered-set, hypothetical. */
  readonly aggregateKind: 'n' | 'o' | 'h'
  readonly directArguments: number
  /** All parameters with modes (i, o, b, v, t) as pg_proc has them; undefined where pg_proc has NULL. */
  readonly allArguments: readonly Oid[] | undefined
  readonly argumentModes: string | undefined
  readonly allArgumentNames: readonly string[] | undefined
}

interface Loaded {
  readonly lines: readonly string[]
  readonly byName: ReadonlyMap<string, number[]>
  readonly byOid: ReadonlyMap<Oid, number>
  readonly parsed: Map<number, Procedure>
  readonly refused: ReadonlySet<string>
}

let loaded: Loaded | undefined

/** Splits lines and indexes them; a line is taken apart when somebody asks for it. */
function load(): Loaded {
  const lines = procedures.split('\n')
  const byName = new Map<string, number[]>()
  const byOid = new Map<Oid, number>()
  lines.forEach((line, i) => {
    const tab = line.indexOf('\t')
    byOid.set(Number(line.slice(0, tab)), i)
    const name = line.slice(tab + 1, line.indexOf('\t', tab + 1))
    const same = byName.get(name)
    if (same === undefined) byName.set(name, [i])
    else same.push(i)
  })
  return { lines, byName, byOid, parsed: new Map(), refused: new Set(refusedProcedures.split('\n')) }
}

const all = (): Loaded => (loaded ??= load())

const kinds = { f: 'function', a: 'aggregate', w: 'window', p: 'procedure' } as const
const oids = (text: string): Oid[] => (text === '' ? [] : text.split(' ').map(Number))

function parse(line: string): Procedure {
  const f = line.split('\t')
  const argumentTypes = oids(f[8]!)
  const allArguments = f[9] === '' ? undefined : oids(f[9]!)
  const modes = f[10] === '' ? undefined : f[10]
  const names = f[11] === '' ? undefined : f[11]!.split(' ')
  const isInput = (i: number) => modes === undefined || 'ibv'.includes(modes[i]!)
  const result = Number(f[7])
  return {
    oid: Number(f[0]),
    name: f[1]!,
    schema: f[17] || 'pg_catalog',
    kind: kinds[f[2] as keyof typeof kinds],
    strict: f[3] !== '',
    returnsSet: f[4] !== '',
    volatility: f[5] as 'i' | 's' | 'v',
    variadic: Number(f[6]),
    result,
    arguments: argumentTypes,
    argumentNames: names?.filter((_, i) => isInput(i)) ?? [],
    columns:
      modes === undefined || result !== 2249
        ? []
        : allArguments!.map((type, i) => ({ name: names?.[i] ?? '', type })).filter((_, i) => 'obt'.includes(modes[i]!)),
    defaults: f[12] === '' ? [] : (JSON.parse(f[12]!) as string[]).map((text) => (text === 'NULL' ? null : text)),
    source: f[13] || f[1]!,
    language: (f[14] || 'internal') as Procedure['language'],
    aggregateKind: (f[15] || 'n') as 'n' | 'o' | 'h',
    directArguments: Number(f[16]),
    allArguments,
    argumentModes: modes,
    allArgumentNames: names,
  }
}

function at(i: number): Procedure {
  const { parsed, lines } = all()
  let procedure = parsed.get(i)
  if (procedure === undefined) parsed.set(i, (procedure = parse(lines[i]!)))
  return procedure
}

export const procedureByOid = (oid: Oid): Procedure | undefined => {
  const i = all().byOid.get(oid)
  return i === undefined ? undefined : at(i)
}

/** Every overload of a name, in the order of their oids. */
export const proceduresByName = (name: string): readonly Procedure[] => (all().byName.get(name) ?? []).map(at)

export function* allProcedures(): Iterable<Procedure> {
  for (let i = 0; i < all().lines.length; i++) yield at(i)
}

/** A function that PostgreSQL has and we do not, because of its types. */
export const isRefusedProcedure = (name: string): boolean => all().refused.has(name)
