import type { Oid } from '../../../../protocol/ids.ts'
import { anyOid } from '../functions/builtin-types.ts'
import { type Procedure, proceduresByName } from '../functions/procedures.ts'

/** A function that a call could mean, with the parameters as the call would fill them. */
export interface FunctionCandidate {
  readonly procedure: Procedure
  /** The parameter type for each argument of the call, in the call's order, and then those of parameters left to their defaults. */
  readonly types: readonly Oid[]
  /** Arguments that a variadic parameter gathers; 0 when it is not expanded. */
  readonly variadicCount: number
  readonly defaultsUsed: number
  /** For named notation: argument i goes to parameter order[i]. */
  readonly order: readonly number[] | undefined
}

export interface CallShape {
  readonly count: number
  /** Names of the last arguments, in named notation. */
  readonly argumentNames: readonly string[]
  readonly variadic: boolean
}

/** FuncnameGetCandidates */
export function functionCandidates(schema: string, name: string, shape: CallShape): FunctionCandidate[] {
  const found: FunctionCandidate[] = []
  for (const procedure of proceduresByName(name)) {
    if (procedure.schema !== schema) continue
    const candidate = shape.argumentNames.length > 0 ? byNames(procedure, shape) : byPosition(procedure, shape)
    if (candidate === undefined) continue
    // Of two that would be called with the same types the one that takes them as they are.
    const same = found.findIndex(
      (other) =>
        other.types.length === candidate.types.length &&
        other.types.every((type, i) => i >= shape.count || type === candidate.types[i]),
    )
    if (same < 0) found.push(candidate)
    else if (found[same]!.variadicCount > 0 && candidate.variadicCount === 0) found[same] = candidate
    else if (found[same]!.variadicCount === 0 && candidate.variadicCount > 0) continue
    else found.push(candidate)
  }
  return found
}

function byPosition(procedure: Procedure, { count, variadic }: CallShape): FunctionCandidate | undefined {
  const parameters = procedure.arguments
  if (procedure.variadic !== 0 && !variadic && parameters.length <= count) {
    const fixed = parameters.slice(0, -1)
    const gathered = count - fixed.length
    const types = [...fixed, ...Array.from({ length: gathered }, () => procedure.variadic)]
    // VARIADIC "any" takes its arguments as they come.
    return {
      procedure,
      types,
      variadicCount: procedure.variadic === anyOid ? 0 : gathered,
      defaultsUsed: 0,
      order: undefined,
    }
  }
  const missing = parameters.length - count
  if (missing < 0 || missing > procedure.defaults.length) return undefined
  return { procedure, types: parameters, variadicCount: 0, defaultsUsed: missing, order: undefined }
}

function byNames(procedure: Procedure, { count, argumentNames }: CallShape): FunctionCandidate | undefined {
  const parameters = procedure.arguments
  if (procedure.argumentNames.length === 0 || parameters.length < count) return undefined
  const positional = count - argumentNames.length
  const order = Array.from({ length: positional }, (_, i) => i)
  for (const name of argumentNames) {
    const index = procedure.argumentNames.indexOf(name)
    if (index < 0 || order.includes(index)) return undefined
    order.push(index)
  }
  const firstDefault = parameters.length - procedure.defaults.length
  for (let i = 0; i < parameters.length; i++) {
    if (order.includes(i)) continue
    if (i < firstDefault) return undefined
    order.push(i)
  }
  return {
    procedure,
    types: order.map((index) => parameters[index]!),
    variadicCount: 0,
    defaultsUsed: parameters.length - count,
    order,
  }
}
