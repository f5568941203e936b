// Made of rules.qnt by `npm run spec -- --write-rules`.

export function highest(a: number, b: number): number {
  return ((a > b) ? a : b)
}

export function lowest(a: number, b: number): number {
  return ((a < b) ? a : b)
}

/** Rule 4: an entry of mode `held` bars whoever wants `wanted` and began before it. */
export function bars(held: string, wanted: string): boolean {
  return ((wanted === "X") ? (held !== "R") : ((wanted === "S") ? (held === "X") : ((held === "X") || (held === "N"))))
}

/** Rule 4: it began between the floor and the horizon that the journal holds. */
export function mayBeJudged(tauStart: number, floor: number, horizon: number): boolean {
  return ((floor <= tauStart) && (tauStart <= horizon))
}

/** Rule 4: a request counts until the journal has passed its `until`, and so long its answer is kept. */
export function mayBeDecided(until: number, last: number): boolean {
  return (last < until)
}

export function mayBeForgotten(until: number, last: number): boolean {
  return (until < last)
}

/** Rule 3: what every record of this owner lies above. */
export function spent(last: number, closed: number, demanded: number): number {
  return highest(highest(last, closed), demanded)
}

/** Rule 3: tau strictly increases, the horizon never decreases, and tau is at or below it. */
export function mayFollow(tau: number, horizon: number, lastTau: number, lastHorizon: number): boolean {
  return ((tau > lastTau) && (tau <= horizon) && (horizon >= lastHorizon))
}

/** Rule 8: whatever an earlier owner can have promised lies at or below it. */
export function floorAfter(tau: number, horizon: number): number {
  return highest(tau, horizon)
}

/** Rules 1 and 8: the next epoch, above the floor. */
export function mayClaim(epoch: number, tau: number, lastEpoch: number, floor: number): boolean {
  return ((epoch === (lastEpoch + 1)) && (tau > floor))
}

/** Rule 1: the owner before has said farewell, or its lease has run out since the last record reached this process. */
export function mayClaimNow(now: number, heardAt: number, lease: number, released: boolean): boolean {
  return (released || ((now - heardAt) >= lease))
}

/** Rule 2. */
export function maySend(inFlight: number): boolean {
  return (inFlight === 0)
}

/** Rule 9: a promise lies at or below a horizon in the journal, or a take-over would forget it. */
export function mayPromise(tauMax: number, horizon: number): boolean {
  return (tauMax <= horizon)
}

/** Rule 10. */
export function mayJoin(tauStart: number, tau: number, tauMin: number, tauMax: number, until: number): boolean {
  return ((tauStart < tau) && (tauMin <= tau) && (tau <= tauMax) && (tau <= until))
}

/** Rule 12: an owner whose lease holds answers at once. */
export function mayAnswerAtOnce(now: number, leaseFrom: number, lease: number): boolean {
  return ((now - leaseFrom) < lease)
}

/** Rule 13: nothing at or below `at` is under way (`inFlight` 0: nothing is), and a take-over will not write there. */
export function mayClose(at: number, horizon: number, inFlight: number): boolean {
  return (((inFlight === 0) || (inFlight > at)) && (at <= horizon))
}

/** Rule 14: storage has applied what the reader's vector names of this journal. */
export function mayServe(applied: number, wanted: number): boolean {
  return (applied >= wanted)
}
