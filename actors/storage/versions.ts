import type { Tau } from '../../protocol/time.ts'

/** One version of a row in memory, linked to the one before it. A tombstone has no post-image. */
export interface Version {
  readonly tau: Tau
  readonly postImage: Uint8Array | undefined
  older: Version | undefined
}

/** The newest version at or below `at`. */
export function versionAt(newest: Version | undefined, at: Tau): Version | undefined {
  let version = newest
  while (version !== undefined && version.tau > at) version = version.older
  return version
}

/**
 * The chain with one more version, by tau and not by arrival: journals come in at their own pace. A version of the same tau replaces the one
 * there: two transactions of one record, the later one in it wins, and replaying a record changes nothing.
 */
export function withVersion(newest: Version | undefined, tau: Tau, postImage: Uint8Array | undefined): Version {
  if (newest === undefined || newest.tau < tau) return { tau, postImage, older: newest }
  if (newest.tau === tau) return { tau, postImage, older: newest.older }
  newest.older = withVersion(newest.older, tau, postImage)
  return newest
}
