import { assert } from '../protocol/assert.ts'
import { isObjectName, type Objects, ObjectsRefused } from './objects.ts'
import type { Files } from './world.ts'

/** What `Files.replace` leaves behind when the process dies within it. */
const draft = '.draft'

/** Objects as files below a directory, each in the folder its name says. */
export class DirectoryObjects implements Objects {
  readonly place: string
  private readonly files: Files
  private readonly made = new Set<string>()

  constructor(files: Files, directory: string) {
    this.files = files
    this.place = directory
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    assert(isObjectName(name), 'an object has a name that every place can hold')
    await this.told(async () => {
      this.makeFolders(name)
      await this.files.replace(`${this.place}/${name}`, bytes)
    })
  }

  async get(name: string): Promise<Buffer | undefined> {
    return await this.told(async () => {
      const path = `${this.place}/${name}`
      return this.files.exists(path) ? this.files.read(path) : undefined
    })
  }

  async list(prefix: string): Promise<readonly string[]> {
    const found: string[] = []
    const walk = (folder: string): void => {
      const path = folder === '' ? this.place : `${this.place}/${folder}`
      for (const entry of this.files.list(path)) {
        const name = folder === '' ? entry : `${folder}/${entry}`
        if (!isObjectName(name) || name.endsWith(draft)) continue
        if (!(name.startsWith(prefix) || prefix.startsWith(`${name}/`))) continue
        if (this.isFolder(name)) walk(name)
        else found.push(name)
      }
    }
    return await this.told(async () => {
      if (this.files.exists(this.place)) walk('')
      return found.sort()
    })
  }

  async remove(name: string): Promise<void> {
    await this.told(async () => {
      const path = `${this.place}/${name}`
      if (this.files.exists(path)) this.files.remove(path)
    })
  }

  async close(): Promise<void> {}

  /** Node refuses to list a file; a simulated disk finds nothing in it. */
  private isFolder(name: string): boolean {
    const path = `${this.place}/${name}`
    try {
      if (this.files.list(path).length > 0) return true
    } catch {
      return false
    }
    try {
      this.files.read(path)
      return false
    } catch {
      return true
    }
  }

  private makeFolders(name: string): void {
    const folders = [this.place]
    for (const part of name.split('/').slice(0, -1)) folders.push(`${folders.at(-1)}/${part}`)
    const last = folders.at(-1) as string
    if (this.made.has(last)) return
    for (const folder of folders) this.files.makeDirectory(folder)
    // A power cut takes a folder whose entry was never synced, with all that is in it.
    for (const folder of folders.slice(0, -1)) this.files.syncDirectory(folder)
    this.made.add(last)
  }

  /** What the file system would not do becomes one line. */
  private async told<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step()
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      if (code === undefined) throw error
      throw new ObjectsRefused(`${this.place} cannot be used: ${reasons[code] ?? message}`)
    }
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'no permission to read and write there',
  EROFS: 'it is on a read-only file system',
  ENOSPC: 'no space is left on its device',
  ENOTDIR: 'a part of the path is no directory',
  EEXIST: 'it is not a directory',
}
