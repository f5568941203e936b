/** Where taudb answers otherwise than PostgreSQL 16 and means to. Each entry must still be needed. */
export interface AcceptedDifference {
  /** `file.sql`, or undefined for every file. */
  readonly file?: string
  /** The statement, or a pattern that it matches. */
  readonly statement: string | RegExp
  readonly reason: string
}

export const acceptedDifferencesMax = 60

export const acceptedDifferences: readonly AcceptedDifference[] = []
