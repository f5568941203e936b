/** Quint's intermediate representation, as far as the specifications use it (`quint compile --target json`). */

export interface Named {
  readonly name: string
}

export type Expression =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'bool' | 'int' | 'str'; readonly value: boolean | number | string }
  | { readonly kind: 'app'; readonly opcode: string; readonly args: readonly Expression[] }
  | Lambda
  | { readonly kind: 'let'; readonly opdef: Definition; readonly expr: Expression }

export interface Lambda {
  readonly kind: 'lambda'
  readonly params: readonly (Named & { readonly typeAnnotation?: Type })[]
  readonly expr: Expression
}

export interface Definition {
  readonly kind: 'def'
  /** Rises with the place in the text. */
  readonly id: number
  readonly name: string
  readonly qualifier: 'val' | 'def' | 'pureval' | 'puredef' | 'action' | 'nondet' | 'run' | 'temporal'
  readonly expr: Expression
  readonly typeAnnotation?: Type
  readonly doc?: string
}

export type Type =
  | { readonly kind: 'int' | 'bool' | 'str' }
  | { readonly kind: 'set' | 'list'; readonly elem: Type }
  | { readonly kind: 'const'; readonly name: string }
  | { readonly kind: 'oper'; readonly args: readonly Type[]; readonly res: Type }
  | {
      readonly kind: 'rec'
      readonly fields: { readonly fields: readonly { readonly fieldName: string; readonly fieldType: Type }[] }
    }

export interface Module {
  readonly name: string
  readonly declarations: readonly (Definition | { readonly kind: 'var' | 'typedef' | 'assume'; readonly name: string })[]
}
