import type { AppendOutcome, Log } from '../../../bus/log.ts'
import { MemoryLog } from '../../../bus/memory-log.ts'
import type { Sequence } from '../../../protocol/ids.ts'

/** lost: never arrived. unacknowledged: there, but nobody was told. full: no room. */
type Mishap = 'lost' | 'unacknowledged' | 'full'

/** A log whose appends can be held back and go wrong as a test says. Without the lock, as a log over a network. */
export class ScriptedLog extends MemoryLog implements Log {
  override readonly exclusive: boolean
  readonly mishaps: Mishap[] = []
  appends = 0
  isCrowded = false
  private held: (() => void)[] | undefined

  constructor(options: { readonly exclusive?: boolean } = {}) {
    super()
    this.exclusive = options.exclusive ?? true
  }

  hold(): void {
    this.held = []
  }

  release(): void {
    const held = this.held ?? []
    this.held = undefined
    for (const go of held) go()
  }

  override crowded(): boolean {
    return this.isCrowded
  }

  override async append(bytes: Uint8Array, expected: Sequence): Promise<AppendOutcome> {
    this.appends++
    const { held } = this
    if (held !== undefined) await new Promise<void>((resolve) => held.push(resolve))
    switch (this.mishaps.shift()) {
      case 'lost':
        return { kind: 'unknown' }
      case 'unacknowledged':
        await super.append(bytes, expected)
        return { kind: 'unknown' }
      case 'full':
        return { kind: 'full' }
      default:
        return super.append(bytes, expected)
    }
  }
}
