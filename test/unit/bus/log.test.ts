import { EmbeddedLog } from '../../../bus/embedded-log.ts'
import { MemoryLog } from '../../../bus/memory-log.ts'
import { realFiles } from '../../../bus/real-world.ts'
import { logContract } from '../../journal-contract.ts'
import { temporaryDirectory } from '../circle/driver.ts'

logContract('memory', async () => {
  const log = new MemoryLog()
  return { log, reopen: undefined, dispose: () => log.close() }
})

logContract('embedded', async () => {
  const directory = temporaryDirectory()
  const open = () =>
    EmbeddedLog.open(realFiles, {
      directory: `${directory.path}/journal`,
      segmentBytes: 4_096,
      fillBytes: 1_024,
      exclusive: true,
    })
  let log = await open()
  return {
    log,
    async reopen() {
      await log.close()
      log = await open()
      return log
    },
    async dispose() {
      await log.close()
      directory.remove()
    },
  }
})
