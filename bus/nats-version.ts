/**
 * Servers that keep what they acknowledge: earlier ones have no `sync_interval: always`, or lose messages in spite of it.
 * 2.12 from 2.12.15 on, and everything from 2.14.5 on.
 */
export function keepsWhatItAcknowledges(version: string): boolean {
  const [, major, minor, patch] = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []
  if (major === undefined) return false
  const [a, b, c] = [Number(major), Number(minor), Number(patch)]
  if (a !== 2) return a > 2
  if (b === 12) return c >= 15
  return b > 14 || (b === 14 && c >= 5)
}

export const serverVersionsWanted = '2.12.15 or later of 2.12, or 2.14.5 or later'
