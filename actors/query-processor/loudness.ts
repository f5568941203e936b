import type { Notice } from '../../protocol/errors.ts'

const severities = ['debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'log', 'notice', 'warning', 'error']

/** client_min_messages; INFO always gets through. */
export function isLoudEnough(notice: Notice, least: string): boolean {
  const severity = (notice.fields.severity ?? 'NOTICE').toLowerCase()
  return severity === 'info' || severities.indexOf(severity) >= severities.indexOf(least)
}
