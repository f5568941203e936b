import type { Oid } from '../../../../protocol/ids.ts'
import {
  anyOid,
  arrayElement,
  arrayOver,
  builtinType,
  builtinTypeByName,
  isPolymorphic,
  recordOid,
  typeCategory,
  unknownOid,
} from '../functions/builtin-types.ts'
import { castPath } from '../functions/casts.ts'
import { isRefusedProcedure } from '../functions/procedures.ts'
import { bindAggregate } from './aggregate.ts'
import type { Expr } from './bound.ts'
import { type FunctionCandidate, functionCandidates } from './candidates.ts'
import { coerceType, leftmost, typeName, typeRef } from './coerce.ts'
import { fieldOf } from './field-of.ts'
import { literal } from './literal.ts'
import { matching, selectCandidate } from './overload.ts'
import { type FuncCall, locationIn, texts } from './parse-tree.ts'
import { requireSetsAllowed } from './places.ts'
import { resolvePolymorphic } from './polymorphic.ts'
import type { QueryScope } from './scope.ts'
import { relationsRead } from './walk.ts'

/** parse_func.c: which function a call means. */

type BindChild = (node: import('./parse-tree.ts').Node) => Expr

type Found =
  | { readonly kind: 'function'; readonly candidate: FunctionCandidate }
  | { readonly kind: 'cast'; readonly type: Oid }
  | { readonly kind: 'column'; readonly expr: Expr }

export function bindCall(scope: QueryScope, call: FuncCall, bindChild: BindChild): Expr {
  const { statement } = scope
  const location = locationIn(call)
  const names = texts(call.funcname)
  const name = names.join('.')
  const setBefore = scope.lastSetReturning
  const { exprs, argumentNames } = bindArguments(scope, call, bindChild)
  const ordered = call.agg_within_group ? (call.agg_order ?? []).map((node) => bindChild(node.SortBy!.node)) : []
  const directCount = exprs.length
  exprs.push(...ordered)

  const found = findFunction(scope, call, names, exprs, argumentNames)
  if (found.kind === 'column') return statement.place(found.expr, location)
  if (found.kind === 'cast') {
    refuseAggregateSyntax(scope, call, name)
    const target = typeRef(found.type)
    return statement.place(coerceType(statement, exprs[0]!, target, 'explicit', location), location)
  }
  const { candidate } = found
  const { procedure } = candidate
  if (procedure.kind === 'window' && call.over === undefined) {
    throw statement.error('42809', `window function ${name} requires an OVER clause`, location)
  }
  if (procedure.kind !== 'aggregate') refuseAggregateSyntax(scope, call, name)
  if (call.over !== undefined) throw statement.unsupported('a window function', location)
  if (call.agg_within_group) {
    if (procedure.aggregateKind === 'n') {
      const message = `${name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP`
      throw statement.error('42809', message, location)
    }
    const isVarying = exprs.slice(0, directCount).some((expr) => relationsRead(expr).size > 0)
    if (procedure.aggregateKind === 'h' || isVarying) throw statement.unsupported('WITHIN GROUP', location)
  } else if (procedure.aggregateKind !== 'n') {
    throw statement.error('42809', `WITHIN GROUP is required for ordered-set aggregate ${name}`, location)
  }

  const prepared = prepareArguments(scope, candidate, exprs, call.func_variadic === true)
  if (procedure.kind === 'aggregate') {
    const innerSet = scope.lastSetReturning === setBefore ? undefined : scope.lastSetReturning
    const sorted = call.agg_within_group ? prepared.exprs.slice(directCount) : undefined
    return bindAggregate(scope, call, procedure, prepared.exprs, prepared.result, innerSet, bindChild, sorted)
  }
  const fields =
    prepared.result === recordOid && procedure.columns.length > 0 ? { fields: outColumns(candidate, prepared.exprs) } : {}
  const result: Expr = {
    kind: 'call',
    type: { ...typeRef(prepared.result), ...fields },
    procedure: procedure.oid,
    arguments: prepared.exprs,
    at: undefined,
    returnsSet: procedure.returnsSet,
    ...(call.func_variadic && procedure.variadic === anyOid ? { variadic: true } : {}),
  }
  const first = exprs.reduce((at, expr) => leftmost(at, statement.locationOf(expr)), location)
  statement.place(result, first)
  if (procedure.returnsSet) {
    requireSetsAllowed(scope, location)
    if (scope.place === 'function in FROM' && scope.lastSetReturning !== setBefore) {
      throw statement.error(
        '0A000',
        'set-returning functions must appear at top level of FROM',
        statement.locationOf(scope.lastSetReturning!),
      )
    }
    scope.lastSetReturning = result
  }
  return result
}

/** OUT parameters may be polymorphic too. */
function outColumns({ procedure, types }: FunctionCandidate, exprs: readonly Expr[]) {
  const actual = exprs.map((expr) => expr.type.oid)
  return procedure.columns.map(({ name, type }) => {
    const resolved = isPolymorphic(type) ? resolvePolymorphic(actual, types, type).result : type
    return { name, type: typeRef(resolved) }
  })
}

function bindArguments(scope: QueryScope, call: FuncCall, bindChild: BindChild) {
  const argumentNames: string[] = []
  const exprs: Expr[] = []
  for (const node of call.args ?? []) {
    const named = node.NamedArgExpr
    if (named === undefined) {
      const expr = bindChild(node)
      if (argumentNames.length > 0) {
        const at = scope.statement.locationOf(expr)
        throw scope.statement.error('42601', 'positional argument cannot follow named argument', at)
      }
      exprs.push(expr)
      continue
    }
    exprs.push(bindChild(named.arg))
    if (argumentNames.includes(named.name)) {
      throw scope.statement.error('42601', `argument name "${named.name}" used more than once`, locationIn(named))
    }
    argumentNames.push(named.name)
  }
  return { exprs, argumentNames }
}

/** func_get_detail and the errors for what it does not find. */
function findFunction(
  scope: QueryScope,
  call: FuncCall,
  names: readonly string[],
  exprs: readonly Expr[],
  argumentNames: readonly string[],
): Found {
  const { statement } = scope
  const location = locationIn(call)
  const name = names.at(-1)!
  if (names.length > 1 && statement.outside.catalog.schema(names.at(-2)!) === undefined) {
    throw statement.error('3F000', `schema "${names.at(-2)}" does not exist`, location)
  }
  const inCatalog = names.length === 1 || names.at(-2) === 'pg_catalog'
  const actual = exprs.map((expr) => expr.type.oid)
  const shape = { count: actual.length, argumentNames, variadic: call.func_variadic === true }
  const candidates = functionCandidates(names.length === 1 ? 'pg_catalog' : names.at(-2)!, name, shape)
  const exact = candidates.find((candidate) => actual.every((type, i) => candidate.types[i] === type))
  if (exact !== undefined) return { kind: 'function', candidate: exact }
  const cast = inCatalog && argumentNames.length === 0 ? castByName(name, actual) : undefined
  if (cast !== undefined) return { kind: 'cast', type: cast }

  const possible = matching(
    candidates.map((candidate) => ({ candidate, types: candidate.types.slice(0, actual.length) })),
    actual,
  )
  const chosen = possible.length > 1 ? selectCandidate(actual, possible) : possible[0]
  if (chosen !== undefined) return { kind: 'function', candidate: chosen.candidate }
  const column = columnInFunctionsClothes(call, names, exprs)
  if (column !== undefined) return { kind: 'column', expr: column }
  const positional = actual.length - argumentNames.length
  const shown = actual.map((type, i) => (i < positional ? '' : `${argumentNames[i - positional]} => `) + typeName(type))
  const signature = `${names.join('.')}(${shown.join(', ')})`
  if (possible.length > 1) {
    throw statement.error('42725', `function ${signature} is not unique`, location, {
      hint: 'Could not choose a best candidate function. You might need to add explicit type casts.',
    })
  }
  if (inCatalog && isRefusedProcedure(name)) throw statement.unsupported(`the function ${name}`, location)
  throw statement.error('42883', `function ${signature} does not exist`, location, {
    hint:
      (call.agg_order?.length ?? 0) > 1 && call.agg_within_group !== true
        ? 'No aggregate function matches the given name and argument types. Perhaps you misplaced ORDER BY; ORDER BY must appear after all regular arguments of the aggregate.'
        : 'No function matches the given name and argument types. You might need to add explicit type casts.',
  })
}

/** ParseComplexProjection: `f(t)` means `t.f` where no function of this name takes the row. */
function columnInFunctionsClothes(call: FuncCall, names: readonly string[], exprs: readonly Expr[]): Expr | undefined {
  const [row] = exprs
  const isPlain =
    call.args?.[0]?.NamedArgExpr === undefined &&
    !(call.agg_star || call.agg_distinct || call.func_variadic || call.agg_order || call.agg_filter || call.over)
  if (row?.type.oid !== recordOid || exprs.length !== 1 || names.length !== 1 || !isPlain) return undefined
  const field = row.type.fields?.findIndex(({ name }) => name === names[0]) ?? -1
  return field < 0 ? undefined : { ...fieldOf(row, field) }
}

/** `text(x)`, `float8('1')`: a call that is a cast in function's clothes. */
function castByName(name: string, actual: readonly Oid[]): Oid | undefined {
  if (actual.length !== 1) return undefined
  const target = builtinTypeByName(name)
  if (target === undefined) return undefined
  const source = actual[0]!
  if (source === unknownOid) return target.oid
  const path = castPath(source, target.oid, 'explicit')
  if (path?.kind === 'binary') return target.oid
  if (path?.kind !== 'inout') return undefined
  return source === recordOid && typeCategory(target.oid) === 'S' ? undefined : target.oid
}

function refuseAggregateSyntax(scope: QueryScope, call: FuncCall, name: string): void {
  const what = call.agg_star
    ? `${name}(*)`
    : call.agg_distinct
      ? 'DISTINCT'
      : (call.agg_order?.length ?? 0) > 0
        ? 'ORDER BY'
        : call.agg_filter !== undefined
          ? 'FILTER'
          : undefined
  const location = locationIn(call)
  if (what !== undefined) {
    throw scope.statement.error('42809', `${what} specified, but ${name} is not an aggregate function`, location)
  }
}

/** Defaults filled in, polymorphic types resolved, everything coerced, a variadic tail gathered, parameters in their own order. */
function prepareArguments(
  scope: QueryScope,
  candidate: FunctionCandidate,
  given: readonly Expr[],
  variadicKeyword: boolean,
): { readonly exprs: readonly Expr[]; readonly result: Oid } {
  const { statement } = scope
  const { procedure } = candidate
  const exprs = [...given]
  const parameterOf = (i: number) => candidate.order?.[i] ?? i
  const firstDefault = procedure.arguments.length - procedure.defaults.length
  for (let i = given.length; i < candidate.types.length; i++) {
    const type = typeRef(candidate.types[i]!)
    const written = procedure.defaults[parameterOf(i) - firstDefault] ?? null
    exprs.push({ kind: 'constant', type, value: written === null ? null : literal(statement, written, type, -1) })
  }
  if (variadicKeyword && procedure.variadic === anyOid) {
    const last = exprs.at(-1)!
    if (arrayElement(last.type.oid) === 0 && last.type.oid !== unknownOid) {
      throw statement.error('42804', 'VARIADIC argument must be an array', statement.locationOf(last))
    }
  }
  const actual = exprs.map((expr) => expr.type.oid)
  const resolved = resolvePolymorphic(actual, candidate.types, procedure.result)
  const coerced = exprs.map((expr, i) => coerceType(statement, expr, typeRef(resolved.types[i]!), 'implicit'))
  const inOrder = candidate.order === undefined ? coerced : coerced.map((_, i) => coerced[candidate.order!.indexOf(i)]!)
  if (candidate.variadicCount === 0) return { exprs: inOrder, result: resolved.result }
  const tail = inOrder.slice(-candidate.variadicCount)
  const element = tail[0]!.type.oid
  const array = arrayOver(element)
  if (array === 0) {
    throw statement.error(
      '42704',
      `could not find array type for data type ${builtinType(element).displayName}`,
      statement.locationOf(tail[0]!),
    )
  }
  const gathered: Expr = { kind: 'array', type: typeRef(array), elements: tail }
  return { exprs: [...inOrder.slice(0, -candidate.variadicCount), gathered], result: resolved.result }
}
