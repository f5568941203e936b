import type { World } from '../../bus/world.ts'
import type { Tau } from '../../protocol/time.ts'
import type { VersionStore } from './version-store.ts'

export const vacuumDelayMs = 2_000
/** Between two slices others have their turn; freeing is never urgent. */
const pauseMs = 5

/** Frees what lies below the horizon, a slice a turn. */
export async function vacuumInTurns(world: World, store: VersionStore, horizon: Tau, goesOn: () => boolean): Promise<void> {
  while (goesOn() && (await store.vacuum(horizon))) await world.clock.sleep(pauseMs)
}
