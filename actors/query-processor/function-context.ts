import type { MaybePromise } from '../../bus/bus.ts'
import type { Notice } from '../../protocol/errors.ts'
import type { Oid } from '../../protocol/ids.ts'
import type { InputSettings } from '../../protocol/values/type.ts'
import type { Value } from '../../protocol/values/value.ts'
import { RandomSeries } from './random-series.ts'
import type { Session } from './session.ts'
import { sessionRows, spanRows } from './session-rows.ts'
import type { Catalog, SequenceRelation } from './sql/catalog/schema.ts'
import type { Aside, FunctionContext } from './sql/functions/registry.ts'

/** What the functions of one statement know of their session. */
export class StatementContext implements FunctionContext {
  readonly catalog: Catalog
  readonly transactionTime: bigint
  readonly statementTime: bigint
  readonly backendId: number
  readonly user: string
  readonly database: string
  readonly aside: Aside | undefined
  private readonly session: Session

  constructor(session: Session, catalog: Catalog, aside?: Aside) {
    this.aside = aside
    this.session = session
    this.catalog = catalog
    this.transactionTime = session.transactionTime
    this.statementTime = session.statementTime
    this.backendId = session.backendId
    this.user = session.user
    this.database = session.database
  }

  get settings(): InputSettings {
    return this.session.inputSettings()
  }

  get searchPath(): readonly string[] {
    return this.session.environment.searchPath(this.catalog)
  }

  currentQuery(): string {
    return this.session.activity.query
  }

  clockTime(): bigint {
    return this.session.now()
  }

  random(): number {
    return (this.session.series ?? this.session.random).fraction()
  }

  seedRandom(seed: number): void {
    this.session.series = new RandomSeries(seed)
  }

  randomBytes(length: number): Uint8Array {
    return Buffer.from(this.session.random.bytes(length), 'latin1')
  }

  notice(notice: Notice): void {
    this.session.notice(notice)
  }

  setting(name: string): string | undefined {
    return this.session.settings.shown(name)
  }

  setSetting(name: string, value: string, local: boolean): void {
    this.session.settings.set(name, value, local)
  }

  nextval(sequenceOid: Oid): MaybePromise<bigint> {
    this.session.refuseReadOnly('nextval()')
    return this.session.sequences.next(sequenceOid)
  }

  currval(sequenceOid: Oid): bigint {
    return this.session.sequences.current(sequenceOid)
  }

  lastval(): bigint {
    return this.session.sequences.last()
  }

  setval(sequenceOid: Oid, value: bigint, isCalled: boolean): MaybePromise<bigint> {
    this.session.refuseReadOnly('setval()')
    return this.session.sequences.set(sequenceOid, value, isCalled)
  }

  awaitedRows(relation: string): MaybePromise<Iterable<{ readonly [column: string]: Value }>> | undefined {
    return relation === 'spans' ? spanRows(this.session) : undefined
  }

  systemRows(relation: string): Iterable<{ readonly [column: string]: Value }> | undefined {
    return sessionRows(this.session, relation)
  }

  lastSequenceValue(sequence: SequenceRelation, counter: bigint): bigint | undefined {
    return this.session.runtime.blocks.lastGiven(sequence, counter)
  }

  readonly transactionId = (): bigint => this.session.identity.show()

  transactionIdIfAssigned(): bigint | null {
    const { identity, block } = this.session
    return identity.isDrawn || !block.transaction.writeSet.isEmpty ? identity.show() : null
  }

  transactionStatus(id: bigint): MaybePromise<string | null> {
    return this.session.runtime.shown.status(id)
  }

  cancelBackend(backendId: number): boolean {
    const other = this.other(backendId)
    other?.cancel()
    return other !== undefined
  }

  terminateBackend(backendId: number): boolean {
    const other = this.other(backendId)
    other?.terminate()
    return other !== undefined
  }

  private other(backendId: number): Session | undefined {
    for (const session of this.session.runtime.sessions) if (session.backendId === backendId) return session
    return undefined
  }

  sleep(milliseconds: number): Promise<void> {
    return this.session.interrupts.sleep(milliseconds)
  }
}
