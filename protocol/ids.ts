declare const brand: unique symbol
type Branded<T, Name extends string> = T & { readonly [brand]: Name }

/** The part of the key space that one adjudicator decides. */
export type Partition = Branded<number, 'Partition'>
/** The generation of a partition's owner; grows by one with every claim. */
export type Epoch = Branded<number, 'Epoch'>
/** The place of a record in its journal, from 1, without gaps. 0 stands before the first record. */
export type Sequence = Branded<number, 'Sequence'>
/** The version of the map from key ranges to partitions. */
export type MapVersion = Branded<number, 'MapVersion'>
/** PostgreSQL's object identifier. */
export type Oid = number

export const partition = (n: number): Partition => n as Partition
export const epoch = (n: number): Epoch => n as Epoch
export const sequence = (n: number): Sequence => n as Sequence
export const mapVersion = (n: number): MapVersion => n as MapVersion

/** 16 random bytes drawn for each claim, as a binary string. Two identical claims would otherwise both succeed. */
export type Owner = Branded<string, 'Owner'>

/**
 * One transaction for ever: it has one leader, and it is decided once (commit-protocol rule 4).
 * `boot` is 8 random bytes of the query processor's start, as a binary string.
 */
export interface TransactionId {
  readonly leader: Partition
  readonly epoch: Epoch
  readonly boot: string
  readonly counter: number
}

/** A map key for a transaction id. */
export function transactionIdText(id: TransactionId): string {
  return `${id.leader}.${id.epoch}.${Buffer.from(id.boot, 'latin1').toString('hex')}.${id.counter}`
}

/** As pg_current_xact_id shows it, to be told apart by people in one process: the owner's epoch and that process's counter. */
export const transactionNumber = ({ epoch, counter }: TransactionId): bigint => (BigInt(epoch) << 40n) | BigInt(counter)

/** One sequence per journal of the map, indexed by partition: what a reader must find applied. */
export type Vector = readonly Sequence[]
