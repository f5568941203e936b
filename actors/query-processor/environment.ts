import { assert } from '../../protocol/assert.ts'
import type { Oid } from '../../protocol/ids.ts'
import type { InputSettings } from '../../protocol/values/type.ts'
import type { Settings } from './settings.ts'
import { objectIdentifier } from './sql/bind/object-identifier.ts'
import type { Catalog } from './sql/catalog/schema.ts'
import { identifierText, type Names } from './sql/functions/catalog-names.ts'

/** Everything but the catalog that binding depends on; `text` is another one whenever it might come out differently. */
interface Surroundings {
  readonly text: string
  readonly input: Omit<InputSettings, 'now'>
}

/** What the statements of a session depend on beside their text: its settings and its search path, worked out once for each change. */
export class Environment {
  private readonly settings: Settings
  private readonly user: string
  /** The catalog of the statement under way. */
  private readonly catalog: () => Catalog | undefined
  private made: (Surroundings & { readonly version: number }) | undefined
  private inputMade: InputSettings | undefined
  private inputOf: object | undefined
  private pathMade: { readonly version: number; readonly catalog: Catalog; readonly names: readonly string[] } | undefined

  constructor(settings: Settings, user: string, catalog: () => Catalog | undefined) {
    this.settings = settings
    this.user = user
    this.catalog = catalog
  }

  current(): Surroundings {
    const { settings } = this
    if (this.made?.version !== settings.version) {
      const output = settings.output()
      const text = `${this.user} ${settings.value('search_path')} ${Object.values(output).join(' ')}`
      const input = { ...output, objectName: this.objectName, objectOid: this.objectOid }
      this.made = { version: settings.version, text, input }
    }
    return this.made
  }

  /** How values are read and shown in a transaction that began at `now`, in microseconds since 2000-01-01. */
  inputAt(now: bigint): InputSettings {
    const { input } = this.current()
    const made = this.inputMade
    if (made !== undefined && made.now === now && this.inputOf === input) return made
    this.inputOf = input
    this.inputMade = { ...input, now }
    return this.inputMade
  }

  private readonly objectName = (type: Oid, oid: Oid): string => identifierText(this.names(), type, oid)
  private readonly objectOid = (type: Oid, name: string): Oid => objectIdentifier(this.names(), type, name)

  /** Where names of regclass and its kin are looked up: the catalog that the last statement saw, if its transaction has ended meanwhile. */
  private names(): Names {
    const catalog = this.catalog() ?? this.pathMade?.catalog
    assert(catalog !== undefined, 'values are read and shown after their statement was bound')
    return { catalog, searchPath: this.searchPath(catalog), user: this.user }
  }

  /** The schemas of the search path that exist. */
  searchPath(catalog: Catalog): readonly string[] {
    const { version } = this.settings
    if (this.pathMade?.version !== version || this.pathMade.catalog !== catalog) {
      this.pathMade = { version, catalog, names: this.existingSchemas(catalog) }
    }
    return this.pathMade.names
  }

  private existingSchemas(catalog: Catalog): readonly string[] {
    const names: string[] = []
    for (const name of this.settings.searchPath()) {
      const schema = name === '$user' ? this.user : name
      if (catalog.schema(schema) !== undefined && !names.includes(schema)) names.push(schema)
    }
    return names
  }
}
