import type { Oid } from '../../../../protocol/ids.ts'
import type { Index } from '../catalog/schema.ts'
import { classOids } from '../catalog/system/record.ts'

/** A background job's row in the catalog: the columns of sys.jobs, then what going on needs. */
export interface Job {
  readonly job_id: string
  readonly status: 'submitted' | 'processing' | 'completed' | 'failed'
  readonly details: string | null
  readonly job_type: 'INDEX_BUILD'
  readonly class_id: Oid
  readonly object_id: Oid
  readonly object_name: string
  /** Microseconds since 2000-01-01. */
  readonly start_time: bigint
  readonly update_time: bigint
  readonly tableOid: Oid
  /** A statement waits for it: a failed index is dropped, not left behind invalid. */
  readonly isAwaited: boolean
  /** Rows up to this key (a binary string) have their entries. */
  readonly done: string | null
  /** Who has taken the last step; absent before the first one. */
  readonly worker?: string
  /** SQLSTATE of what it failed with. */
  readonly code?: string
}

export function newJob(
  index: Index,
  given: {
    readonly randomBytes: string
    readonly now: bigint
    readonly status: Job['status']
    readonly schema: string
    readonly isAwaited: boolean
  },
): Job {
  return {
    job_id: base32(Buffer.from(given.randomBytes, 'latin1')),
    status: given.status,
    details: '',
    job_type: 'INDEX_BUILD',
    class_id: classOids.pg_class,
    object_id: index.oid,
    object_name: `${given.schema}.${index.name}`,
    start_time: given.now,
    update_time: given.now,
    tableOid: index.tableOid,
    isAwaited: given.isAwaited,
    done: null,
  }
}

/** Lower case, unpadded (RFC 4648): 26 characters for 16 bytes. */
export function base32(bytes: Uint8Array): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(held >> bits) & 31]
    }
  }
  return bits === 0 ? text : text + alphabet[(held << (5 - bits)) & 31]
}
