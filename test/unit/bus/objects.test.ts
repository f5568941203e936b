import { mkdirSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { DirectoryObjects } from '../../../bus/directory-objects.ts'
import { realFiles } from '../../../bus/real-world.ts'
import { objectsContract } from '../../objects-contract.ts'
import { SimulatedDisk } from '../../simulation/disk.ts'
import { Kernel } from '../../simulation/kernel.ts'
import { temporaryDirectory } from '../circle/driver.ts'

objectsContract('a directory', async () => {
  const directory = temporaryDirectory()
  return {
    objects: new DirectoryObjects(realFiles, `${directory.path}/deep/objects`),
    dispose: async () => directory.remove(),
  }
})

objectsContract('a directory on a simulated disk', async () => {
  const kernel = new Kernel(1)
  let isOpen = true
  const run = async (): Promise<void> => {
    while (isOpen) {
      await kernel.run(kernel.now + 10_000)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  void run()
  return {
    objects: new DirectoryObjects(
      new SimulatedDisk(kernel, 'objects').attach(() => true),
      'objects',
    ),
    dispose: async () => {
      isOpen = false
    },
  }
})

test('what others have put there is not ours; what cannot be written is told in one line', async () => {
  const directory = temporaryDirectory()
  try {
    const objects = new DirectoryObjects(realFiles, directory.path)
    await objects.put('a/one', Buffer.from('1'))
    writeFileSync(`${directory.path}/a/two.draft`, 'half')
    writeFileSync(`${directory.path}/Lost+Found`, '')
    mkdirSync(`${directory.path}/empty`)
    expect(await objects.list('')).toEqual(['a/one'])
    writeFileSync(`${directory.path}/file`, '')
    const wrong = new DirectoryObjects(realFiles, `${directory.path}/file`)
    await expect(wrong.put('x/y', Buffer.alloc(1))).rejects.toThrow(/^\S+\/file cannot be used: /)
  } finally {
    directory.remove()
  }
})
