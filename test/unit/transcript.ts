import { readFileSync } from 'node:fs'
import { scalarImplementation, setImplementation } from '../../actors/query-processor/sql/functions/implementations.ts'
import { type Procedure, proceduresByName } from '../../actors/query-processor/sql/functions/procedures.ts'
import type { CallTypes, FunctionContext } from '../../actors/query-processor/sql/functions/registry.ts'
import { SqlError } from '../../protocol/errors.ts'
import { knownType, typeByName } from '../../protocol/values/registry.ts'
import { type InputSettings, outputDefaults, type SqlType } from '../../protocol/values/type.ts'
import type { Value } from '../../protocol/values/value.ts'

/** Lines of `question => answer` as PostgreSQL 16 gave them; `--- DateStyle zone IntervalStyle` changes the settings of what follows. */
export interface Line {
  readonly question: string
  readonly answer: string
  readonly settings: InputSettings
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', '\\': '\\', u0001: '\u0001' }
const unescaped = (text: string): string => text.replace(/\\(n|t|\\|u0001)/g, (_, name: string) => escapes[name] as string)

export function readTranscript(file: URL): Line[] {
  let settings: InputSettings = { ...outputDefaults, now: 0n }
  const lines: Line[] = []
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const header = /^--- (\w+), (\w+) (\S+) (\w+)$/.exec(line)
    if (header) {
      const [, dateStyle, dateOrder, timeZone, intervalStyle] = header
      settings = { ...settings, dateStyle, dateOrder, timeZone, intervalStyle } as InputSettings
    } else if (line !== '') {
      const cut = line.lastIndexOf(' => ')
      lines.push({ question: line.slice(0, cut), answer: unescaped(line.slice(cut + 4)), settings })
    }
  }
  return lines
}

function shownError(error: unknown): string {
  if (!(error instanceof SqlError)) throw error
  const { detail, hint } = error.fields
  return `E ${error.code} ${error.message}${detail ? ` D:${detail}` : ''}${hint ? ` H:${hint}` : ''}`
}

/** `type(modifiers): text` through the type's input and output. */
export function showValue({ question, settings }: Line, modifiers: Readonly<Record<string, readonly [string, number]>>): string {
  const cut = question.indexOf(': ')
  const [name, typmod] = modifiers[question.slice(0, cut)] ?? [question.slice(0, cut), -1]
  const type = typeByName(name) as SqlType
  try {
    return type.output(type.input(unescaped(question.slice(cut + 2)), typmod, settings), settings)
  } catch (error) {
    return shownError(error)
  }
}

const polymorphic: ReadonlySet<number> = new Set([2276, 2277, 2283, 2776, 5077, 5078, 5079])

function findProcedure(name: string, oids: readonly number[]): Procedure {
  const fits = (procedure: Procedure, loose: boolean): boolean =>
    procedure.arguments.length === oids.length &&
    procedure.arguments.every((oid, i) => oid === oids[i] || (loose && polymorphic.has(oid)))
  const overloads = proceduresByName(name)
  const found =
    overloads.find((procedure) => fits(procedure, false)) ??
    overloads.find((procedure) => fits(procedure, true)) ??
    overloads.find((procedure) => procedure.variadic === 2276)
  if (!found) throw new Error(`no function ${name}(${oids})`)
  return found
}

/** The type a polymorphic function answers with, from its arguments. */
function resultOid(procedure: Procedure, oids: readonly number[]): number {
  if (!polymorphic.has(procedure.result)) return procedure.result
  const array = oids.find((oid) => knownType(oid).elementOid !== 0)
  const wantsArray = procedure.result === 2277 || procedure.result === 5078
  if (array !== undefined) return wantsArray ? array : knownType(array).elementOid
  return wantsArray ? knownType(oids[0] as number).arrayOid : (oids[0] as number)
}

/** `name(type text ; type NULL)` called as the executor would; the values of a set are joined by |. */
export function showCall(question: string, context: FunctionContext): string {
  const [, name, list] = /^(\w+)\((.*)\)$/s.exec(question) as unknown as [string, string, string]
  const parts = list.split(' ; ').map((part) => {
    const [, typeName, text] = /^(\w+) ?(.*)$/s.exec(part) as unknown as [string, string, string]
    const type = typeByName(typeName) as SqlType
    return { oid: type.oid, value: text === 'NULL' ? null : type.input(unescaped(text), -1, context.settings) }
  })
  const oids = parts.map(({ oid }) => oid)
  const values = parts.map(({ value }) => value)
  const procedure = findProcedure(name, oids)
  if (procedure.strict && values.includes(null)) return '<NULL>'
  const result = knownType(resultOid(procedure, oids))
  const types: CallTypes = {
    arguments: oids.map((oid) => ({ oid, typmod: -1 })),
    result: { oid: result.oid, typmod: -1 },
  }
  const show = (value: Value): string =>
    value === null ? '<NULL>' : typeof value === 'boolean' ? String(value) : result.output(value, context.settings)
  const source = procedure.language === 'internal' ? procedure.source : procedure.name
  try {
    if (procedure.returnsSet) {
      const made = setImplementation(source)
      if (!made) throw new Error(`${source} is missing`)
      const call = typeof made === 'function' ? made : made.specializeSet(types)
      return [...call(context, ...(values as never[]))].map(show).join('|')
    }
    const made = scalarImplementation(source)
    if (!made) throw new Error(`${source} is missing`)
    const call = typeof made === 'function' ? made : made.specialize(types)
    return show(call(context, ...(values as never[])) as Value)
  } catch (error) {
    return shownError(error)
  }
}
