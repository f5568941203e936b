import type { Clock, Timer } from '../../bus/world.ts'
import { SqlError } from '../../protocol/errors.ts'
import type { Settings } from './settings.ts'

/** idle_session_timeout and idle_in_transaction_session_timeout: how long a client may keep silent. */
export class IdleTimer {
  private readonly clock: Clock
  private readonly settings: Settings
  private readonly terminate: (error: SqlError) => void
  private timer: Timer | undefined

  constructor(clock: Clock, settings: Settings, terminate: (error: SqlError) => void) {
    this.clock = clock
    this.settings = settings
    this.terminate = terminate
  }

  start(inTransaction: boolean): void {
    const { timeouts } = this.settings
    const timeoutMs = inTransaction ? timeouts.idleInTransaction : timeouts.idle
    if (timeoutMs <= 0) return
    const error = inTransaction
      ? new SqlError('25P03', 'terminating connection due to idle-in-transaction timeout', { severity: 'FATAL' })
      : new SqlError('57P05', 'terminating connection due to idle-session timeout', { severity: 'FATAL' })
    this.timer = this.clock.after(timeoutMs, () => this.terminate(error))
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = undefined
  }
}
