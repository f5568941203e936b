import { SqlError } from '../errors.ts'

/** Why a text is no date: each has its own SQLSTATE and message. */
export type DateMistake = 'format' | 'field' | 'monthDay' | 'interval' | 'displacement' | { readonly zone: string }

export class DateProblem {
  readonly mistake: DateMistake
  constructor(mistake: DateMistake) {
    this.mistake = mistake
  }
}

export function dateTimeError(mistake: DateMistake, text: string, type: string): SqlError {
  if (typeof mistake === 'object') return new SqlError('22023', `time zone "${mistake.zone}" not recognized`)
  switch (mistake) {
    case 'field':
      return new SqlError('22008', `date/time field value out of range: "${text}"`)
    case 'monthDay':
      return new SqlError('22008', `date/time field value out of range: "${text}"`, {
        hint: 'Perhaps you need a different "datestyle" setting.',
      })
    case 'interval':
      return new SqlError('22015', `interval field value out of range: "${text}"`)
    case 'displacement':
      return new SqlError('22009', `time zone displacement out of range: "${text}"`)
    default:
      return new SqlError('22007', `invalid input syntax for type ${type}: "${text}"`)
  }
}

/** Runs a decoder; its DateProblem becomes the SqlError that names the text and the type. */
export function explainProblem<T>(text: string, type: string, decode: () => T): T {
  try {
    return decode()
  } catch (problem) {
    if (problem instanceof DateProblem) throw dateTimeError(problem.mistake, text, type)
    throw problem
  }
}
