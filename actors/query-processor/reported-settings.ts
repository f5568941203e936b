import type { SessionOutput } from '../../protocol/session.ts'
import type { Settings } from './settings.ts'

/** What the client has been told of the settings that PostgreSQL reports (ParameterStatus), and of each change since. */
export class ReportedSettings {
  private readonly settings: Settings
  private readonly known: Map<string, string>
  private version = 0

  constructor(settings: Settings) {
    this.settings = settings
    this.known = new Map(settings.reported())
  }

  tellChanges(output: SessionOutput): void {
    if (this.version === this.settings.version) return
    this.version = this.settings.version
    for (const [name, value] of this.settings.reported()) {
      if (this.known.get(name) === value) continue
      this.known.set(name, value)
      output.parameterStatus(name, value)
    }
  }
}
