/** Makes JavaScript of a flattened Quint module: every next state of a state, every invariant, every rule. One source, two ways to run it. */
import type { Definition, Expression, Lambda, Module, Type } from './intermediate.ts'
import { equal, QuintMap, QuintSet, shown, type Value } from './values.ts'

/** The values of the variables, in the order of `variables`. */
export type State = readonly Value[]

export interface Machine {
  readonly variables: readonly string[]
  /** Calls `found` with every initial state. */
  initial(found: (state: State) => void): void
  /** Calls `found` with every next state, and with the actions that lead there where `labelled`. */
  successors(state: State, found: (state: State, label: string) => void, labelled?: boolean): void
  holds(invariant: string, state: State): boolean
}

/** JavaScript's names for Quint's operators that are only spelled otherwise. */
const infix: Readonly<Record<string, string>> = {
  iadd: '+',
  isub: '-',
  imul: '*',
  ilt: '<',
  ilte: '<=',
  igt: '>',
  igte: '>=',
  and: '&&',
  or: '||',
}

const mangled = (name: string): string => `$${name.replaceAll(/[^A-Za-z0-9_]/g, '_')}`

export class Compiler {
  private readonly definitions = new Map<string, Definition>()
  private readonly places = new Map<string, number>()
  /** Names of parameters and of `let`s. */
  private readonly local = new Set<string>()
  private fresh = 0
  private readonly nameOf: (name: string) => string
  private readonly isPure: boolean
  private readonly stateParams: readonly string[]

  /** `isPure`: there is no state, and names stay as they are. */
  constructor({ declarations }: Module, isPure = false) {
    this.isPure = isPure
    this.nameOf = isPure ? (name) => name : mangled
    this.stateParams = isPure ? [] : ['s']
    for (const declaration of declarations) {
      if (declaration.kind === 'var') this.places.set(declaration.name, this.places.size)
      else if (declaration.kind === 'def') this.definitions.set(declaration.name, declaration as Definition)
    }
  }

  machine(): Machine {
    const lines: string[] = []
    for (const definition of this.definitions.values()) {
      if (/^q::|^(run|temporal)$/.test(definition.name) || definition.qualifier === 'run') continue
      lines.push(definition.qualifier === 'action' ? this.action(definition) : this.value(definition))
    }
    const invariants = [...this.definitions.values()]
      .filter(({ qualifier }) => qualifier === 'val')
      .map(({ name }) => `${JSON.stringify(name)}: ${this.nameOf(name)}`)
    const code = `'use strict'
let isLabelled = false
const labels = []
${lines.join('\n')}
return {
  initial(found) { const n = []; $init(undefined, n, () => found(n.slice())) },
  successors(s, found, labelled) {
    isLabelled = labelled === true
    const n = []
    $step(s, n, () => found(n.slice(), labels.join(', ')))
  },
  invariants: { ${invariants.join(', ')} },
}`
    const make = new Function('QuintSet', 'QuintMap', 'equal', 'shown', code)
    const made = make(QuintSet, QuintMap, equal, shown) as Omit<Machine, 'variables' | 'holds'> & {
      readonly invariants: Readonly<Record<string, (state: State) => boolean>>
    }
    return {
      variables: [...this.places.keys()],
      initial: made.initial,
      successors: made.successors,
      holds(invariant, state) {
        const held = made.invariants[invariant]
        if (held === undefined) throw new Error(`the specification has no invariant ${invariant}`)
        return held(state)
      },
    }
  }

  /** Definitions over numbers, strings and truth values, as TypeScript. */
  typescript(): string {
    return [...this.definitions.values()]
      .sort((a, b) => a.id - b.id)
      .map((definition) => {
        const { name, expr, doc } = definition
        if (expr.kind !== 'lambda') throw new Error(`${name} is no function`)
        const params = expr.params.map((param) => `${param.name}: ${typeText(param.typeAnnotation)}`)
        const result = definition.typeAnnotation?.kind === 'oper' ? typeText(definition.typeAnnotation.res) : 'boolean'
        const [, body] = this.opened(expr)
        const comment = doc === undefined ? '' : `/** ${doc.trim()} */\n`
        return `${comment}export function ${name}(${params.join(', ')}): ${result} {\n  return ${this.expression(body)}\n}\n`
      })
      .join('\n')
  }

  /** A definition without effect, as a function of the state and its parameters. */
  private value({ name, expr }: Definition): string {
    const [params, body] = this.opened(expr)
    return `const ${this.nameOf(name)} = (${[...this.stateParams, ...params].join(', ')}) => ${this.expression(body)}`
  }

  /** An action, as a function that calls `k` once for each way in which it can be taken; `n` holds what has been assigned. */
  private action({ name, expr }: Definition): string {
    const [params, body] = this.opened(expr)
    const steps = this.steps(body, 'k()')
    const label = `isLabelled && labels.push(${JSON.stringify(name)} + ${params.length === 0 ? "''" : `'(' + [${params.map((one) => `shown(${one})`).join(', ')}].join(', ') + ')'`})`
    const labelled = name === 'step' || name === 'init' ? steps : `${label}; ${steps}; isLabelled && labels.pop()`
    return `const ${this.nameOf(name)} = (${['s', 'n', 'k', ...params].join(', ')}) => { ${labelled} }`
  }

  private opened(expr: Expression): [params: string[], body: Expression] {
    if (expr.kind !== 'lambda') return [[], expr]
    for (const { name } of expr.params) this.local.add(name)
    return [expr.params.map(({ name }) => this.nameOf(name)), expr.expr]
  }

  private steps(expr: Expression, then: string): string {
    if (expr.kind === 'let') {
      const { opdef } = expr
      this.local.add(opdef.name)
      const bound = this.nameOf(opdef.name)
      if (opdef.qualifier !== 'nondet')
        return `{ const ${bound} = ${this.expression(opdef.expr)}; ${this.steps(expr.expr, then)} }`
      const chosen = opdef.expr.kind === 'app' && opdef.expr.opcode === 'oneOf' ? opdef.expr.args[0] : undefined
      if (chosen === undefined) throw new Error('nondet takes oneOf')
      return `for (const ${bound} of ${this.expression(chosen)}.values) { ${this.steps(expr.expr, then)} }`
    }
    if (expr.kind === 'name' && this.definitions.get(expr.name)?.qualifier === 'action')
      return `${this.nameOf(expr.name)}(s, n, () => { ${then} })`
    if (expr.kind === 'app') {
      const { opcode, args } = expr
      switch (opcode) {
        case 'actionAll':
          return args.reduceRight((rest, one) => this.steps(one, rest), then)
        case 'actionAny': {
          const rest = `k${this.fresh++}`
          return `{ const ${rest} = () => { ${then} }; ${args.map((one) => this.steps(one, `${rest}()`)).join('; ')} }`
        }
        case 'assign':
          return `n[${this.places.get((args[0] as { name: string }).name)}] = ${this.expression(args[1] as Expression)}; ${then}`
        case 'ite': {
          const rest = `k${this.fresh++}`
          const [condition, yes, no] = args as [Expression, Expression, Expression]
          return `{ const ${rest} = () => { ${then} }; if (${this.expression(condition)}) { ${this.steps(yes, `${rest}()`)} } else { ${this.steps(no, `${rest}()`)} } }`
        }
      }
      if (this.definitions.get(opcode)?.qualifier === 'action')
        return `${this.nameOf(opcode)}(${['s', 'n', `() => { ${then} }`, ...args.map((one) => this.expression(one))].join(', ')})`
    }
    return `if (${this.expression(expr)}) { ${then} }`
  }

  private expression(expr: Expression): string {
    switch (expr.kind) {
      case 'bool':
      case 'int':
        return String(expr.value)
      case 'str':
        return JSON.stringify(expr.value)
      case 'name':
        return this.named(expr.name)
      case 'lambda':
        return this.lambda(expr)
      case 'let': {
        const value = this.expression(expr.opdef.expr)
        this.local.add(expr.opdef.name)
        return `((${this.nameOf(expr.opdef.name)}) => ${this.expression(expr.expr)})(${value})`
      }
      case 'app':
        return this.application(expr.opcode, expr.args)
    }
  }

  private lambda(lambda: Lambda): string {
    const [params, body] = this.opened(lambda)
    return `(${params.join(', ')}) => ${this.expression(body)}`
  }

  private named(name: string): string {
    if (this.local.has(name)) return this.nameOf(name)
    const place = this.places.get(name)
    if (place !== undefined) return `s[${place}]`
    if (!this.definitions.has(name)) throw new Error(`the specification uses ${name}, which this compiler does not know`)
    return `${this.nameOf(name)}(s)`
  }

  private application(opcode: string, args: readonly Expression[]): string {
    if (opcode === 'Rec') return this.record(args)
    const given = args.map((one) => this.expression(one))
    if (this.local.has(opcode)) return `${this.nameOf(opcode)}(${given.join(', ')})`
    if (this.definitions.has(opcode)) return `${this.nameOf(opcode)}(${[...this.stateParams, ...given].join(', ')})`
    const [a, b, c] = given
    const between = infix[opcode]
    if (between !== undefined) return given.length === 0 ? 'true' : `(${given.join(` ${between} `)})`
    switch (opcode) {
      case 'iuminus':
        return `(-${a})`
      case 'concat':
        return `[...${a}, ...${b}]`
      case 'not':
        return `!${a}`
      case 'implies':
        return `(!${a} || ${b})`
      case 'iff':
        return `(${a} === ${b})`
      case 'eq':
        return this.isPure || isPlain(args) ? `(${a} === ${b})` : `equal(${a}, ${b})`
      case 'neq':
        return this.isPure || isPlain(args) ? `(${a} !== ${b})` : `!equal(${a}, ${b})`
      case 'ite':
        return `(${a} ? ${b} : ${c})`
      case 'field':
        return `${a}.${(args[1] as { value: string }).value}`
      case 'with':
        return `({ ...${a}, $key: undefined, ${(args[1] as { value: string }).value}: ${c} })`
      case 'Set':
        return `new QuintSet([${given.join(', ')}])`
      case 'List':
      case 'Tup':
        return `[${given.join(', ')}]`
      case 'item':
        return `${a}[${b} - 1]`
      case 'nth':
        return `${a}[${b}]`
      case 'length':
        return `${a}.length`
      case 'append':
        return `[...${a}, ${b}]`
      case 'indices':
        return `new QuintSet(${a}.map((_, i) => i))`
      case 'replaceAt':
        return `${a}.with(${b}, ${c})`
      case 'slice':
        return `${a}.slice(${b}, ${c})`
      case 'tail':
        return `${a}.slice(1)`
      case 'select':
        return `${a}.filter(${b})`
      case 'to':
        return `new QuintSet(Array.from({ length: Math.max(0, ${b} - ${a} + 1) }, (_, i) => ${a} + i))`
      case 'in':
        return `${b}.has(${a})`
      case 'contains':
        return `${a}.has(${b})`
      case 'union':
        return `${a}.union(${b})`
      case 'exists':
        return `${a}.values.some(${b})`
      case 'forall':
        return `${a}.values.every(${b})`
      case 'filter':
        return `new QuintSet(${a}.values.filter(${b}))`
      case 'map':
        return `new QuintSet(${a}.values.map(${b}))`
      case 'size':
        return `${a}.values.length`
      case 'fold':
        return `${a}.values.reduce(${c}, ${b})`
      case 'foldl':
        return `${a}.reduce(${c}, ${b})`
      case 'mapBy':
        return `new QuintMap(${a}.values.map((one) => [one, (${b})(one)]))`
      case 'get':
        return `${a}.get(${b})`
      case 'keys':
        return `${a}.domain()`
      case 'set':
      case 'put':
        return `${a}.with(${b}, ${c})`
      case 'setBy':
        return `((map, at) => map.with(at, (${c})(map.get(at))))(${a}, ${b})`
    }
    throw new Error(`the specification uses ${opcode}, which this compiler does not know`)
  }

  private record(args: readonly Expression[]): string {
    const fields: [string, string][] = []
    for (let i = 0; i < args.length; i += 2)
      fields.push([(args[i] as { value: string }).value, this.expression(args[i + 1] as Expression)])
    fields.sort(([a], [b]) => (a < b ? -1 : 1))
    return `({ ${fields.map(([field, value]) => `${field}: ${value}`).join(', ')}, $key: undefined })`
  }
}

/** One side is a literal: then so is the other, if they are equal at all. */
const isPlain = (args: readonly Expression[]): boolean =>
  args.some(({ kind }) => kind === 'int' || kind === 'str' || kind === 'bool')

function typeText(type: Type | undefined): string {
  switch (type?.kind) {
    case 'int':
      return 'number'
    case 'str':
      return 'string'
    case 'bool':
      return 'boolean'
    default:
      throw new Error('the guards speak of numbers, strings and truth values')
  }
}
