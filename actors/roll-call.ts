/** Says who this process is whenever somebody asks everybody: what `taudb status` shows. */
import type { Registration } from '../bus/bus.ts'
import type { World } from '../bus/world.ts'
import type { Present, RollCall } from '../protocol/messages.ts'
import { subjects } from '../protocol/subjects.ts'
import type { HighestClock } from './actor.ts'

/** What changes from one call to the next. */
export type Attendance = Pick<Present, 'roles' | 'serves' | 'listens' | 'partitions'>

/** From now on, also while the process starts; `process` is its name. */
export function answerRollCalls(world: World, clock: HighestClock, process: string, attendance: () => Attendance): Registration {
  const startedAt = world.clock.monotonic()
  return world.bus.subscribe(subjects.rollCall, ({ call, clock: reading }: RollCall) => {
    clock.hear(reading)
    const upMs = Math.trunc((world.clock.monotonic() - startedAt) / 1_000)
    const present: Present = { kind: 'present', clock: clock.read(), call, process, upMs, ...attendance() }
    world.bus.publish(subjects.present, present)
  })
}
