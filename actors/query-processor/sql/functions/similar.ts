import { SqlError } from '../../../../protocol/errors.ts'
import { oneCharacter } from './like.ts'

/** A SIMILAR TO pattern as a regular expression. `escape_` '' escapes nothing; escape and quote divide it for SUBSTRING. */
export function similarToRegex(pattern: string, escape_: string): string {
  const escapeCharacter = escape_ === '' ? undefined : oneCharacter(escape_)
  let made = '^(?:'
  let escaped = false
  let inClass = false
  let separators = 0
  for (const character of pattern) {
    if (escaped) {
      if (character === '"' && !inClass) {
        if (separators === 0) made += '){1,1}?('
        else if (separators === 1) made += '){1,1}(?:'
        else {
          throw new SqlError('2200C', 'SQL regular expression may not contain more than two escape-double-quote separators')
        }
        separators++
      } else made += `\\${character}`
      escaped = false
    } else if (character === escapeCharacter) escaped = true
    else if (inClass) {
      made += character === '\\' ? '\\\\' : character
      if (character === ']') inClass = false
    } else if (character === '[') {
      made += '['
      inClass = true
    } else if (character === '%') made += '.*'
    else if (character === '_') made += '.'
    else if (character === '(') made += '(?:'
    else if (character === '\\' || character === '.' || character === '^' || character === '$') made += `\\${character}`
    else made += character
  }
  return `${made})$`
}
