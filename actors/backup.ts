/** `taudb backup`, `taudb backup verify` and `taudb restore`: a database's rows as a snapshot in a directory or a bucket of NATS, and back. */
import {
  checkDataDirectory,
  DirectoryRefused,
  draftDirectory,
  isInUse,
  journalsIn,
  journalsOf,
  takeDataDirectory,
} from '../bus/data-directory.ts'
import { EmbeddedLog, readLogFiles } from '../bus/embedded-log.ts'
import { LogCorrupt } from '../bus/log.ts'
import { type Objects, ObjectsRefused } from '../bus/objects.ts'
import type { World } from '../bus/world.ts'
import { assert } from '../protocol/assert.ts'
import { epoch, type Owner, type Partition, partition, sequence } from '../protocol/ids.ts'
import { bodyOf, encodeLast, encodeStatement, messageHash } from '../protocol/record.ts'
import { SnapshotDamaged, type SnapshotEnd, type SnapshotJournal } from '../protocol/snapshot.ts'
import { type Tau, tau } from '../protocol/time.ts'
import { journalsAt } from './bootstrap.ts'
import { route } from './crossbar/route.ts'
import { Chain } from './journal/chain.ts'
import { damageOf } from './storage/lmdb-file.ts'
import { findSnapshots, loadSnapshot, type Progress, readSnapshot, snapshotName, takeSnapshot } from './storage/snapshot.ts'
import { LmdbReader } from './storage/snapshot-lmdb.ts'
import type { AppliedPosition, StoreSnapshot } from './storage/version-store.ts'
import { LmdbVersionStore } from './storage/version-store-lmdb.ts'
import { evenMap, everything } from './topology.ts'

/** Why there is no backup, or no restored database, in one line with the way out. */
export class BackupRefused extends Error {
  override readonly name = 'BackupRefused'
}

type Print = (line: string) => void

/** A running server writes storage behind by some seconds. */
const behindMsMax = 60_000
const lookMs = 200
const progressBytes = 2 ** 26

/**
 * Everything that the journals had when it began. Of a running server it reads the files, beside it: nothing waits, and the server keeps what is
 * read until the backup ends. Of a directory that nobody uses it first brings storage up to the journal, as a start would.
 */
export async function backup(world: World, data: string, objects: Objects, print: Print): Promise<void> {
  const directory = checkDataDirectory(data)
  const paths = journalsIn(world.files, directory)
  const damage = damageOf(world.files, `${directory}/storage/data.mdb`)
  if (damage !== undefined) throw new BackupRefused(`${directory}/storage/data.mdb is damaged: ${damage}`)
  const hasRows = world.files.exists(`${directory}/storage/data.mdb`)
  if (paths.length === 0 && hasRows) {
    print(await replicaWritten(world, directory, objects, print))
    return
  }
  if (paths.length === 0 || !hasRows) throw new BackupRefused(`${directory} holds no database yet: it has never served`)
  const lock = await takeDataDirectory(directory).catch((error: unknown) => {
    if (isInUse(error)) return undefined
    throw error
  })
  if (lock === undefined) {
    print(`${directory} is in use: its files are read beside the server`)
    const reader = new LmdbReader(`${directory}/storage`)
    try {
      const ends = paths.map((path, p) => endOf(world, path, partition(p)))
      print(await written(world, paths, await caughtUp(world, reader, ends), objects, print))
    } finally {
      await reader.close()
    }
    return
  }
  try {
    const store = new LmdbVersionStore(world.clock, `${directory}/storage`)
    try {
      for (const [p, path] of paths.entries())
        await replay(world, store, path, partition(p), store.applied(partition(p)).sequence)
      print(await written(world, paths, await store.snapshot(), objects, print))
    } finally {
      await store.close()
    }
  } finally {
    await lock.release()
  }
}

/** Of a storage replica of a database on NATS: what it has written so far, which ends some seconds ago where it is running. */
async function replicaWritten(world: World, directory: string, objects: Objects, print: Print): Promise<string> {
  const reader = new LmdbReader(`${directory}/storage`)
  try {
    const snapshot = await caughtUp(world, reader, [])
    const [position, ...others] = snapshot.positions
    if (position === undefined || others.length > 0) {
      snapshot.close()
      throw new BackupRefused(
        position === undefined
          ? `${directory} holds no rows yet`
          : 'a database of several partitions on NATS cannot be backed up yet: its storage follows each journal at its own pace',
      )
    }
    const journals = [{ ...position, closed: position.tau, hash: '', epoch: epoch(0) }]
    return await writtenWith(world, snapshot, journals, objects, print)
  } finally {
    await reader.close()
  }
}

/** Writes the snapshot, and answers what is said at the end. */
async function written(
  world: World,
  paths: readonly string[],
  snapshot: StoreSnapshot,
  objects: Objects,
  print: Print,
): Promise<string> {
  const { positions } = snapshot
  try {
    const logs = paths.map((path) => ({
      read: function* (from: number) {
        for (const entry of readLogFiles(world.files, path)) if (entry.sequence >= from) yield entry
      },
    }))
    return await writtenWith(world, snapshot, await journalsAt(logs, positions), objects, print)
  } finally {
    snapshot.close()
  }
}

async function writtenWith(
  world: World,
  snapshot: StoreSnapshot,
  journals: readonly SnapshotJournal[],
  objects: Objects,
  print: Print,
): Promise<string> {
  try {
    const { positions } = snapshot
    const name = snapshotName(positions, world.random('snapshot').bytes(4))
    const given = { clock: world.clock, objects, name, snapshot, journals, mapVersion: evenMap(journals.length).version }
    const end = await takeSnapshot({ ...given, range: everything, progress: progressOf(print, 'written') })
    return `complete: ${described(end)}, in ${objects.place}`
  } finally {
    snapshot.close()
  }
}

/** A snapshot of at least these positions, once the running server has written them. */
async function caughtUp(world: World, reader: LmdbReader, ends: readonly number[]): Promise<StoreSnapshot> {
  for (const until = world.clock.monotonic() + behindMsMax * 1_000; ; ) {
    const snapshot = reader.snapshot()
    if (!snapshot.isPartial && ends.every((end, p) => (snapshot.positions[p]?.sequence ?? 0) >= end)) return snapshot
    snapshot.close()
    if (world.clock.monotonic() > until)
      throw new BackupRefused('the server does not write what it has accepted: is its disk full?')
    await world.clock.sleep(lookMs)
  }
}

/** The last record of a journal. */
function endOf(world: World, path: string, p: Partition): number {
  const chain = new Chain(p, false)
  for (const entry of readLogFiles(world.files, path)) chain.accept(entry)
  return chain.end?.recordAt ?? 0
}

/** Applies the records above `applied`, and answers the journal's last tau, or its horizon where that is higher. */
async function replay(world: World, store: LmdbVersionStore, path: string, p: Partition, applied: number): Promise<Tau> {
  const chain = new Chain(p)
  const map = evenMap(1)
  let isFirst = true
  for (const entry of readLogFiles(world.files, path)) {
    if (isFirst && entry.sequence > applied + 1)
      throw new BackupRefused(
        `${path} begins with entry ${entry.sequence}, and the rows end with entry ${applied}: entries are missing`,
      )
    isFirst = false
    const read = chain.accept(entry)
    if (read === undefined || read.sequence <= applied) continue
    const record = read.decode()
    assert(record !== undefined, 'a record above the applied position is held whole')
    for (const [, images] of route(record, read.sequence, map)) await store.apply(images)
  }
  const { end } = chain
  return end === undefined ? tau(0) : tau(Math.max(end.tau, end.horizon))
}

/** Fills a new data directory. It has its name only when everything is in it: one that was cut off is begun anew. */
export async function restore(
  world: World,
  objects: Objects,
  to: { readonly data: string; readonly journal: string | undefined },
  print: Print,
): Promise<void> {
  const end = await newestOf(objects)
  const tail = to.journal === undefined ? undefined : journalsIn(world.files, checkDataDirectory(to.journal))
  if (tail !== undefined && tail.length !== end.journals.length)
    throw new BackupRefused(
      `the backup has ${end.journals.length} journals and ${to.journal} has ${tail.length}: another database`,
    )
  const making = await draftDirectory(to.data)
  const lock = await takeDataDirectory(making.draft)
  try {
    const store = new LmdbVersionStore(world.clock, `${lock.path}/storage`)
    try {
      await loadSnapshot(objects, end, store, { clock: world.clock, progress: progressOf(print, 'read') })
      const taus = end.journals.map((journal) => journal.tau)
      for (const [p, path] of (tail ?? []).entries()) {
        checkOrigin(world, path, end, p)
        taus.push(await replay(world, store, path, partition(p), store.applied(partition(p)).sequence))
      }
      // The journals begin anew, above everything that the old ones have promised.
      const begin = tau(Math.max(world.clock.now(), ...taus) + 1)
      const paths = journalsOf(world.files, lock.path, end.journals.length)
      const positions: AppliedPosition[] = []
      for (const [p, path] of paths.entries()) positions.push(await beginJournal(world, path, p, end, begin))
      await store.beginAnew(positions)
    } finally {
      await store.close()
    }
  } finally {
    await lock.release()
  }
  making.complete()
  const also = to.journal === undefined ? '' : `, and what ${to.journal} had behind it`
  print(`restored ${described(end)}${also}, into ${to.data}`)
}

/** The tail belongs to the snapshot only where the journal has the entry with which the snapshot ends. */
function checkOrigin(world: World, path: string, end: SnapshotEnd, p: number): void {
  const { sequence: at, hash } = end.journals[p] as SnapshotEnd['journals'][number]
  if (at === 0) return
  for (const entry of readLogFiles(world.files, path)) {
    if (entry.sequence < at) continue
    if (entry.sequence > at) break
    if (Buffer.from(messageHash(entry.bytes), 'latin1').toString('hex') === hash) return
    throw new BackupRefused(`${path} is the journal of another database than the backup`)
  }
  throw new BackupRefused(`${path} does not have entry ${at}, with which the backup ends: nothing connects them`)
}

/** One statement of ranges, so that whoever opens the journal claims above it. */
async function beginJournal(world: World, path: string, p: number, end: SnapshotEnd, at: Tau): Promise<AppliedPosition> {
  const map = evenMap(end.journals.length)
  const place = map.partitions[p]
  assert(place !== undefined, 'the map has every partition')
  const log = await EmbeddedLog.open(world.files, { directory: path, exclusive: true })
  try {
    const head = {
      partition: place.partition,
      epoch: epoch((end.journals[p]?.epoch ?? 0) + 1),
      owner: world.random('owner').bytes(16) as Owner,
      mapVersion: map.version,
      tau: at,
      horizon: at,
    }
    const body = bodyOf(encodeStatement({ kind: 'epoch', ranges: place.ranges }))
    const outcome = await log.append(encodeLast('epoch', head, '', 0, body.pieces[0] as Buffer), sequence(0))
    if (outcome.kind !== 'appended') throw new BackupRefused(`${path} cannot be written: ${outcome.kind}`)
    return { sequence: outcome.sequence, tau: at }
  } finally {
    await log.close()
  }
}

/** Reads all of it and says what is wrong. Answers the exit code. */
export async function verifyBackup(objects: Objects, print: Print): Promise<number> {
  const end = await newestOf(objects)
  const newest = Math.max(0, ...end.journals.map((journal) => journal.tau))
  let rows = 0
  let wrong = 0
  let last: string | undefined
  const progress = progressOf(print, 'read')
  for await (const versions of readSnapshot(objects, end, progress)) {
    for (const version of versions) {
      if (version.tau > newest) wrong++
      if (version.key !== last && version.postImage !== undefined) rows++
      last = version.key
    }
  }
  if (wrong > 0) print(`${wrong} versions are newer than the journals they come from`)
  if (end.versionHorizon > Math.min(...end.journals.map((journal) => journal.tau))) {
    print('the version horizon lies above a journal')
    wrong++
  }
  if (wrong > 0) return 1
  print(`${described(end)}, ${rows} of them current rows and index entries: everything holds`)
  return 0
}

async function newestOf(objects: Objects): Promise<SnapshotEnd> {
  const { newest, incomplete } = await findSnapshots(objects)
  if (newest !== undefined) return newest
  throw new BackupRefused(
    incomplete.length === 0
      ? `${objects.place} holds no backup`
      : `the backup in ${objects.place} is incomplete: it was cut off, or is still being written; back up again`,
  )
}

function described({ versions, bytes, journals }: SnapshotEnd): string {
  const at = new Date(Math.max(0, ...journals.map((journal) => journal.tau)) / 1_000).toISOString()
  return `the database as of ${at}, ${versions} versions in ${(bytes / 2 ** 20).toFixed(1)} MB`
}

function progressOf(print: Print, done: string): Progress {
  let said = 0
  return ({ bytes, of }) => {
    if (bytes - said < progressBytes) return
    said = bytes
    const share = of === undefined ? '' : ` of ${Math.ceil(of / 2 ** 20)}`
    print(`${Math.floor(bytes / 2 ** 20)}${share} MB ${done}`)
  }
}

/** What a person can mend. */
export const isBackupTrouble = (error: unknown): error is Error =>
  error instanceof BackupRefused ||
  error instanceof SnapshotDamaged ||
  error instanceof ObjectsRefused ||
  error instanceof DirectoryRefused ||
  error instanceof LogCorrupt
