import { DirectoryObjects } from '../bus/directory-objects.ts'
import { EmbeddedBus } from '../bus/embedded.ts'
import type { Objects } from '../bus/objects.ts'
import { realClock, realFiles, realWorld } from '../bus/real-world.ts'
import { backup, isBackupTrouble, restore, verifyBackup } from './backup.ts'
import { natsOptions, StartError } from './cluster.ts'
import type { Command } from './command.ts'
import type { Config } from './config.ts'

type BackupCommand = Extract<Command, { readonly place: string }>

/** Answers the exit code. Throws StartError for what a person can mend. */
export async function carryOut({ kind, place, config }: BackupCommand, print: (line: string) => void): Promise<number> {
  const failed = (actor: string, error: unknown): void => {
    throw new Error(`${actor} failed`, { cause: error })
  }
  const world = realWorld({ bus: new EmbeddedBus(), onFailure: failed })
  try {
    const { objects, close } = await openPlace(place, config, kind === 'backup')
    try {
      if (kind === 'verify-backup') return await verifyBackup(objects, print)
      if (kind === 'backup') await backup(world, config.data, objects, print)
      else await restore(world, objects, config, print)
      return 0
    } finally {
      await close()
    }
  } catch (error) {
    throw isBackupTrouble(error) || isRefusal(error) ? new StartError(error.message) : error
  }
}

const isRefusal = (error: unknown): error is Error =>
  ['BusRefused', 'StreamDiffers', 'JetStreamRefused'].includes((error as Error).name)

/** `nats://host:4222/bucket`, several servers with commas, or a directory. */
async function openPlace(
  place: string,
  config: Config,
  create: boolean,
): Promise<{ readonly objects: Objects; close(): Promise<void> }> {
  const [, servers, bucket] = /^((?:nats|tls):\/\/[^/]+(?:,(?:nats|tls):\/\/[^/]+)*)\/([^/]+)$/.exec(place) ?? []
  if (servers === undefined || bucket === undefined) {
    if (/^(nats|tls):/.test(place)) throw new StartError(`"${place}" names no bucket: say nats://host:4222/bucket`)
    return { objects: new DirectoryObjects(realFiles, place), close: async () => {} }
  }
  const { Nats } = await import('../bus/nats-connection.ts')
  const { NatsObjects } = await import('../bus/nats-objects.ts')
  const nats = await Nats.connect(natsOptions(servers.split(','), config), realClock)
  try {
    const objects = await NatsObjects.open(nats, realClock, { bucket, create })
    return { objects, close: () => nats.close() }
  } catch (error) {
    await nats.close()
    throw error
  }
}
