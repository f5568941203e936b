import type { Oid } from '../../protocol/ids.ts'
import { typeByOid } from '../../protocol/values/registry.ts'
import type { InputSettings } from '../../protocol/values/type.ts'
import type { Value } from '../../protocol/values/value.ts'
import type { PlanCache } from './plan-cache.ts'
import { PreparedStatement } from './prepared.ts'
import type { RowsTemplate } from './sql/rows-template.ts'
import { positionIn, templateOf } from './sql/template.ts'

const oids = { int4: 23, int8: 20, numeric: 1700, text: 0, boolean: 16 } as const

/** Statements of one session whose template has been parsed. */
const statementsMax = 200

/** A simple query as a template with values. */
export interface TemplatedStatement {
  readonly prepared: PreparedStatement
  /** The literals as values of the parameters' types. */
  values(settings: InputSettings): Value[]
  /** A position in the template as one in the query. */
  positionIn(position: number): number
}

/** Lets ad-hoc statements that differ in literals only share parse trees and plans (architecture decision 3). */
export class Templates {
  private readonly plans: PlanCache
  private readonly prepared = new Map<string, PreparedStatement>()

  constructor(plans: PlanCache) {
    this.plans = plans
  }

  /** Undefined: parse it as it stands. */
  of(sql: string): TemplatedStatement | undefined {
    const template = templateOf(sql)
    if (template === undefined) return undefined
    const types = template.literals.map((literal) => oids[literal.class])
    const statement = this.preparedOf(template.text, types)
    if (statement === undefined) return undefined
    return {
      prepared: statement,
      values: (settings) =>
        template.literals.map((literal, i) => {
          const oid = statement.parameterTypes[i] as number
          const type = typeByOid(oid)
          if (type === undefined) throw new Error('a planned parameter has a known type')
          return type.input(literal.text, -1, settings)
        }),
      positionIn: (position) => positionIn(template, position),
    }
  }

  /** Undefined: parse it as it stands. */
  ofRows({ text, classes }: RowsTemplate): PreparedStatement | undefined {
    return this.preparedOf(
      text,
      classes.map((literal) => oids[literal]),
    )
  }

  private preparedOf(text: string, types: readonly Oid[]): PreparedStatement | undefined {
    const key = `${types.join(',')} ${text}`
    const known = this.prepared.get(key)
    if (known !== undefined) return known
    let prepared: PreparedStatement
    try {
      const parsed = this.plans.parse(text)
      if (parsed.length !== 1 || parsed[0] === undefined) return undefined
      prepared = new PreparedStatement(parsed[0], types, key)
    } catch {
      // A syntax error is told with the text the client wrote.
      return undefined
    }
    if (this.prepared.size >= statementsMax) this.prepared.clear()
    this.prepared.set(key, prepared)
    return prepared
  }
}
