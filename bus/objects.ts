/**
 * A place for things that are written once and read whole: parts of snapshots, backups, what storage actors say of themselves. A directory,
 * a bucket of NATS and the simulator's disk implement it; `test/objects-contract.ts` runs on each.
 */
export interface Objects {
  /** For people: the directory, or the address of the bucket. */
  readonly place: string
  /** All of it or nothing, whatever happens meanwhile, and durable when it resolves. Replaces what had the name. */
  put(name: string, bytes: Uint8Array): Promise<void>
  /** Undefined: there is none. Throws ObjectsRefused where the place itself says that it is damaged. */
  get(name: string): Promise<Buffer | undefined>
  /** Names that begin so, sorted. */
  list(prefix: string): Promise<readonly string[]>
  /** Nothing happens where there is none. */
  remove(name: string): Promise<void>
  close(): Promise<void>
}

/** Why objects cannot be stored or read, in one line with the way out. */
export class ObjectsRefused extends Error {
  override readonly name = 'ObjectsRefused'
}

/** Lower case, digits, dots and dashes, in folders: what every place can hold. */
export const isObjectName = (name: string): boolean => /^[a-z0-9][a-z0-9.-]*(\/[a-z0-9][a-z0-9.-]*)*$/.test(name)
