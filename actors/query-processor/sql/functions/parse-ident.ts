import { SqlError } from '../../../../protocol/errors.ts'
import { SqlArray } from '../../../../protocol/values/value.ts'

const quoted = /"((?:[^"]|"")*)"/y
const plain = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y
const space = /[ \t\n\v\f\r]*/y

/** parse_ident of misc.c: the parts of a qualified name; what is not quoted is folded. Not strict: what stands behind it is ignored. */
export function parseIdent(name: string, strict: boolean): SqlArray {
  let at = 0
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(name)
    if (found !== null) at = pattern.lastIndex
    return found
  }
  const invalid = (detail?: string): SqlError =>
    new SqlError('22023', `string is not a valid identifier: "${name}"`, detail === undefined ? {} : { detail })
  const parts: string[] = []
  match(space)
  for (let behindDot = false; ; behindDot = true) {
    if (name[at] === '"') {
      const part = match(quoted)?.[1]
      if (part === undefined) throw invalid('String has unclosed double quotes.')
      if (part === '') throw invalid('Quoted identifier must not be empty.')
      parts.push(part.replaceAll('""', '"'))
    } else {
      const part = match(plain)?.[0]
      if (part === undefined) {
        if (name[at] === '.') throw invalid('No valid identifier before ".".')
        throw invalid(behindDot ? 'No valid identifier after ".".' : undefined)
      }
      parts.push(part.toLowerCase())
    }
    match(space)
    if (name[at] !== '.') break
    at++
    match(space)
  }
  if (strict && at < name.length) throw invalid()
  return new SqlArray(parts)
}
