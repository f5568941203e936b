/**
 * What a person should hear of, a line each: what went wrong, what was slow, who owns what. Lines belong to the process. Statements stand in
 * them without their literals; a message is what the client was told.
 */

export const levels = ['error', 'warning', 'info'] as const
export type Level = (typeof levels)[number]
export const formats = ['text', 'json'] as const
export type Format = (typeof formats)[number]

export type Fields = Readonly<Record<string, string | number | undefined>>

export interface LogSink {
  /** This one and what is worse. */
  readonly level: Level
  readonly format: Format
  /** Microseconds of the wall clock. */
  now(): number
  /** A whole line with its end. */
  write(line: string): void
}

/** A flood of errors says nothing new: so many lines a second, then how many were left out. */
const perSecondMax = 200

const sinks: LogSink[] = []
let sink: LogSink | undefined
let second = 0
let written = 0
let leftOut = 0

/** Lines go there from now on, and to whoever had them before when it is over. Answers how to stop it. */
export function logTo(opened: LogSink): () => void {
  sinks.push(opened)
  sink = opened
  return () => {
    const at = sinks.indexOf(opened)
    if (at >= 0) sinks.splice(at, 1)
    sink = sinks.at(-1)
  }
}

/** Whether a line of this level goes anywhere: asked before it is made. */
export const logs = (level: Level): boolean => sink !== undefined && levels.indexOf(level) <= levels.indexOf(sink.level)

export function log(level: Level, message: string, fields: Fields = {}): void {
  if (sink === undefined || !logs(level)) return
  const now = sink.now()
  const thisSecond = Math.floor(now / 1e6)
  if (thisSecond !== second) {
    const missed = leftOut
    second = thisSecond
    written = 0
    leftOut = 0
    if (missed > 0) sink.write(lineOf(sink.format, now, 'warning', 'lines were left out', { lines: missed }))
  }
  if (++written > perSecondMax) {
    leftOut++
    return
  }
  sink.write(lineOf(sink.format, now, level, message, fields))
}

export function lineOf(format: Format, now: number, level: Level, message: string, fields: Fields): string {
  const time = new Date(now / 1_000).toISOString()
  if (format === 'json') return `${JSON.stringify({ time, level, message, ...fields })}\n`
  const words = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${shown(value)}`]))
  return `${[time, `taudb: ${level}:`, message, ...words].join(' ')}\n`
}

/** One line, whatever it holds: what has spaces or quotes is a JSON string. */
const shown = (value: string | number): string =>
  typeof value === 'number' || /^[\w.:/@-]+$/.test(value) ? String(value) : JSON.stringify(value)

/** The stack of a bug, else what it says. */
export const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))
