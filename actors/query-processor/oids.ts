import type { MaybePromise } from '../../bus/bus.ts'
import type { Oid } from '../../protocol/ids.ts'
import type { OwnTransactions } from './own-transactions.ts'
import { decodeDocument, encodeDocument } from './sql/catalog/document.ts'
import { firstUserOid, oidCounterKey } from './sql/catalog/keys.ts'

/** Drawn at once: a CREATE TABLE needs a handful. */
const blockSize = 64

/** Oids nobody has, from blocks that this process reserves in transactions of their own: DDL does not conflict over them. */
export class Oids {
  private readonly transactions: OwnTransactions
  private next = 0
  private end = 0

  constructor(transactions: OwnTransactions) {
    this.transactions = transactions
  }

  /** The first of `count` in a row. */
  draw(count: number): MaybePromise<Oid> {
    if (this.next + count <= this.end) return this.take(count)
    const wanted = Math.max(blockSize, count)
    const reserved = this.transactions.run<Oid>((access) => {
      const stored = access.get(oidCounterKey)
      const claim = (bytes: Uint8Array | undefined): Oid => {
        const first = bytes === undefined ? firstUserOid : (decodeDocument(bytes) as number)
        access.write(oidCounterKey, encodeDocument(first + wanted), 'X')
        return first
      }
      return stored instanceof Promise ? stored.then(claim) : claim(stored)
    })
    const use = (first: Oid): Oid => {
      this.next = first
      this.end = first + wanted
      return this.take(count)
    }
    return reserved instanceof Promise ? reserved.then(use) : use(reserved)
  }

  private take(count: number): Oid {
    const first = this.next
    this.next += count
    return first
  }
}
