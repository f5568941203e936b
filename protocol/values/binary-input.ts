import type { ByteReader } from '../bytes.ts'
import { SqlError } from '../errors.ts'

/** Refuses a binary value that ends before its type does (pq_getmsgbytes). */
export function need(reader: ByteReader, bytes: number): void {
  if (reader.remaining < bytes) throw new SqlError('08P01', 'insufficient data left in message')
}
