import type { ByteReader, ByteWriter } from '../bytes.ts'
import type { Oid } from '../ids.ts'
import type { Value } from './value.ts'

/** -1 where the type has none. Encoded as PostgreSQL encodes it (varchar(n): n + 4, numeric(p,s): ((p << 16) | (s & 0x7ff)) + 4, ...). */
export type Typmod = number
export const noTypmod: Typmod = -1

/** What the session says about how values look. Text output only; nothing stored depends on it. */
export interface OutputSettings {
  readonly dateStyle: 'ISO' | 'SQL' | 'Postgres' | 'German'
  readonly dateOrder: 'MDY' | 'DMY' | 'YMD'
  readonly intervalStyle: 'postgres' | 'postgres_verbose' | 'sql_standard' | 'iso_8601'
  readonly timeZone: string
  readonly extraFloatDigits: number
  readonly byteaOutput: 'hex' | 'escape'
  /** How regclass, regtype ... show an oid: a name of the session's catalog. Absent: digits. */
  readonly objectName?: (type: Oid, oid: Oid) => string
}

export const outputDefaults: OutputSettings = {
  dateStyle: 'ISO',
  dateOrder: 'MDY',
  intervalStyle: 'postgres',
  timeZone: 'UTC',
  extraFloatDigits: 1,
  byteaOutput: 'hex',
}

/** What input needs beside the text: the settings, and the statement's time for 'now', 'today' ... (microseconds since 2000-01-01). */
export interface InputSettings extends OutputSettings {
  readonly now: bigint
  /** What regclass, regtype ... read a name as; throws 42P01, 42704 ... Absent: only digits are read. */
  readonly objectOid?: (type: Oid, name: string) => Oid
}

/**
 * One SQL type: how its values are read, written, compared and stored. Pure; PostgreSQL 16's texts and SQLSTATEs.
 * `V` is the JavaScript shape named in value.ts; NULL never reaches these functions.
 */
export interface SqlType<V extends Value = Value> {
  readonly oid: Oid
  /** pg_type.typname: int4, bpchar, _text */
  readonly name: string
  /** format_type without a typmod: integer, character, text[] */
  readonly displayName: string
  /** pg_type.typcategory */
  readonly category: string
  readonly preferred: boolean
  /** pg_type.typlen */
  readonly length: number
  /** The element type of an array type, else 0. */
  readonly elementOid: Oid
  /** The array type over this type, else 0. */
  readonly arrayOid: Oid

  /** Throws SqlError 22P02, 22003, 22007, 22008 ... with PostgreSQL's text. Applies the typmod as an explicit input would. */
  input(text: string, typmod: Typmod, settings: InputSettings): V
  output(value: V, settings: OutputSettings): string
  /** The binary format; throws SqlError 22P03 (or the type's own error) for a malformed one. */
  receive(reader: ByteReader, typmod: Typmod): V
  send(value: V, writer: ByteWriter): void

  /** `varchar(10)` from the numbers in the parentheses; throws 22023. Absent: the type takes none. */
  typmodIn?(modifiers: readonly number[]): Typmod
  /** What format_type puts behind the name: `(10)`, `(10,2)`, ` ` forms for time(3) are the type's own business via formatType. */
  formatType?(typmod: Typmod): string
  /** The length or scale coercion; an assignment (not explicit) to a too short varchar is 22001. Absent: nothing to do. */
  coerceTypmod?(value: V, typmod: Typmod, explicit: boolean): V

  /** The default btree order (< 0, 0, > 0), or absent where PostgreSQL has none (json). */
  compare?(a: V, b: V): number
  /** Equal values have the same hash key and others another one: a Map key for joins and groups. Absent with compare. */
  hashKey?(value: V): string | number | bigint | boolean
  /** Order-preserving bytes, self-delimiting, so that keys of several columns compare column by column. Absent: not indexable. */
  encodeKey?(value: V, writer: ByteWriter): void

  /** The stored form inside a row; `decode` gets exactly the bytes that `encode` wrote and must not keep a view into them. */
  encode(value: V, writer: ByteWriter): void
  decode(buffer: Buffer, start: number, end: number): V
}
