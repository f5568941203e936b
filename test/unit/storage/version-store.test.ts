import { LmdbVersionStore } from '../../../actors/storage/version-store-lmdb.ts'
import { MemoryVersionStore } from '../../../actors/storage/version-store-memory.ts'
import { realFiles } from '../../../bus/real-world.ts'
import { partition } from '../../../protocol/ids.ts'
import { versionStoreContract } from '../../version-store-contract.ts'
import { temporaryDirectory, testWorld } from '../circle/driver.ts'

const { clock } = testWorld()

versionStoreContract('memory', async () => ({
  store: new MemoryVersionStore(clock),
  sync: async () => {},
  reopen: undefined,
  dispose: async () => {},
}))

versionStoreContract('memory with an image', async () => {
  const directory = temporaryDirectory()
  const image = { files: realFiles, path: `${directory.path}/image` }
  const under = {
    store: new MemoryVersionStore(clock, image),
    sync: () => under.store.checkpoint(),
    async reopen() {
      under.store = new MemoryVersionStore(clock, image)
      return under.store
    },
    dispose: async () => directory.remove(),
  }
  return under
})

versionStoreContract('lmdb', async () => {
  const directory = temporaryDirectory()
  const under = {
    store: new LmdbVersionStore(clock, `${directory.path}/storage`, { flushDelayMs: 1 }),
    async sync() {
      const { store } = under
      while ([0, 1].some((p) => store.synced(partition(p)) < store.applied(partition(p)).sequence)) await clock.sleep(2)
    },
    async reopen() {
      await under.store.close()
      under.store = new LmdbVersionStore(clock, `${directory.path}/storage`, { flushDelayMs: 1 })
      return under.store
    },
    async dispose() {
      await under.store.close()
      directory.remove()
    },
  }
  return under
})
