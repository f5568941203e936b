/** The object store of a real nats-server. */
import { afterEach, expect, test } from 'vitest'
import { Nats } from '../../bus/nats-connection.ts'
import { NatsObjects } from '../../bus/nats-objects.ts'
import { realClock } from '../../bus/real-world.ts'
import { objectsContract } from '../objects-contract.ts'
import { startNats } from '../support/nats-server.ts'

const open: (() => Promise<unknown>)[] = []
const closeAll = async (): Promise<void> => {
  for (const close of open.splice(0).reverse()) await close()
}
afterEach(closeAll)

async function connected(): Promise<{ nats: Nats; server: Awaited<ReturnType<typeof startNats>>['server'] }> {
  const servers = await startNats()
  open.push(() => servers.dispose())
  const nats = await Nats.connect({ servers: [servers.url] }, realClock)
  open.push(() => nats.close())
  return { nats, server: servers.server }
}

objectsContract('a bucket of NATS', async () => {
  const { nats } = await connected()
  return { objects: await NatsObjects.open(nats, realClock, { bucket: 'test', create: true }), dispose: closeAll }
})

test('a server that is killed loses nothing, and an object that was being written is there whole or not at all', async () => {
  const { nats, server } = await connected()
  const objects = await NatsObjects.open(nats, realClock, { bucket: 'test', create: true })
  await objects.put('before', Buffer.from('here'))
  const writing = objects.put('large', Buffer.alloc(8_000_000, 'x'))
  await server.stop('SIGKILL')
  await server.start()
  await writing
  expect(String(await objects.get('before'))).toBe('here')
  expect((await objects.get('large'))?.equals(Buffer.alloc(8_000_000, 'x'))).toBe(true)
}, 40_000)

test('no bucket, a bucket with other settings, a chunk that is gone: told in one line', async () => {
  const { nats } = await connected()
  await expect(NatsObjects.open(nats, realClock, { bucket: 'none', create: false })).rejects.toThrow(/no bucket "none" on /)
  await expect(NatsObjects.open(nats, realClock, { bucket: 'a b', create: true })).rejects.toThrow(/cannot be the name/)
  const { jetstreamManager } = await import('@nats-io/jetstream')
  const manager = await jetstreamManager(nats.connection)
  await manager.streams.add({
    name: 'OBJ_fades',
    subjects: ['$O.fades.C.>', '$O.fades.M.>'],
    max_age: 60_000_000_000,
    allow_rollup_hdrs: true,
  })
  await expect(NatsObjects.open(nats, realClock, { bucket: 'fades', create: true })).rejects.toThrow(
    /"fades" has other settings .*max_age/,
  )
  const objects = await NatsObjects.open(nats, realClock, { bucket: 'test', create: true })
  await objects.put('one', Buffer.from('text'))
  await manager.streams.purge('OBJ_test', { filter: '$O.test.C.>' })
  await expect(objects.get('one')).rejects.toThrow(/one in the bucket "test" is damaged/)
})
