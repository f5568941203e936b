import type { Write } from '../../protocol/messages.ts'
import type { Tau } from '../../protocol/time.ts'

/** One version of a row in memory, linked to the one before it. A tombstone has no post-image. */
export interface Version {
  readonly tau: Tau
  readonly postImage: Uint8Array | undefined
  older: Version | undefined
}

/** What is staged has one tau, which lies above every reader's until its record has come. */
export class Stage {
  tau = Number.POSITIVE_INFINITY as Tau
  readonly writes: Write[] = []
}

/** A version whose tau is its stage's. It leaves its post-image where the writer gathered it. */
export class StagedVersion implements Version {
  readonly write: Write
  readonly stage: Stage
  older: Version | undefined

  constructor(write: Write, stage: Stage, older: Version | undefined) {
    this.write = write
    this.stage = stage
    this.older = older
  }

  get tau(): Tau {
    return this.stage.tau
  }

  get postImage(): Uint8Array | undefined {
    return this.write.postImage
  }
}

/** The chain with a staged version on top: its tau will lie above all that has come so far, and below all that comes after its record. */
export function withStaged(newest: Version | undefined, write: Write, stage: Stage): Version {
  if (newest instanceof StagedVersion && newest.stage === stage) return new StagedVersion(write, stage, newest.older)
  return new StagedVersion(write, stage, newest)
}

/** The chain without what the stage put there. */
export function withoutStaged(newest: Version | undefined, stage: Stage): Version | undefined {
  if (newest === undefined) return undefined
  if (newest instanceof StagedVersion && newest.stage === stage) return newest.older
  newest.older = withoutStaged(newest.older, stage)
  return newest
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
