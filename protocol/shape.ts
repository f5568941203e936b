import { assert } from './assert.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'

/** How one kind of thing lies in a message: written, and read back with every bound checked, because it may come from anywhere. */
export interface Shape<T> {
  write(writer: ByteWriter, value: T): void
  /** Throws RangeError or AssertionFailed for bytes that are no such thing. */
  read(reader: ByteReader): T
}

/** A whole number from 0 to 2^53 - 1; branded ones are written as what they are. */
export function whole<T extends number = number>(): Shape<T> {
  return {
    write(writer, value) {
      assert(Number.isSafeInteger(value) && value >= 0, 'a whole number is written')
      writer.varint(value)
    },
    read(reader) {
      const value = reader.varint()
      assert(Number.isSafeInteger(value), 'a whole number is safe')
      return value as T
    },
  }
}

/** A clock reading: microseconds, not below zero, perhaps with a fraction. */
export const reading: Shape<number> = {
  write: (writer, value) => writer.f64(value),
  read(reader) {
    const value = reader.f64()
    assert(value >= 0 && value <= Number.MAX_SAFE_INTEGER, 'a clock reading is a time')
    return value
  },
}

export const truth: Shape<boolean> = {
  write: (writer, value) => writer.u8(value ? 1 : 0),
  read(reader) {
    const value = reader.u8()
    assert(value <= 1, 'a truth is 0 or 1')
    return value === 1
  },
}

/** A binary string, one char per byte. */
export function latin1<T extends string = string>(bytesMax: number): Shape<T> {
  return {
    write(writer, value) {
      assert(value.length <= bytesMax, 'a binary string is within its bound')
      writer.lengthLatin1(value)
    },
    read(reader) {
      const length = reader.varint()
      assert(length <= bytesMax, 'a binary string is within its bound')
      return reader.latin1(length) as T
    },
  }
}

export const utf8: Shape<string> = {
  write(writer, value) {
    writer.lengthBytes(Buffer.from(value))
  },
  read: (reader) => reader.utf8(reader.varint()),
}

/** A view into the message, not a copy. */
export const bytes: Shape<Uint8Array> = {
  write: (writer, value) => writer.lengthBytes(value),
  read: (reader) => reader.lengthBytes(),
}

export function oneOf<const T extends string>(words: readonly T[]): Shape<T> {
  return {
    write(writer, value) {
      const at = words.indexOf(value)
      assert(at >= 0, `${value} is one of ${words.join(', ')}`)
      writer.u8(at)
    },
    read(reader) {
      const word = words[reader.u8()]
      assert(word !== undefined, `a word is one of ${words.join(', ')}`)
      return word
    },
  }
}

/** Always this; takes no room. */
export function always<const T extends string | undefined>(value: T): Shape<T> {
  return { write() {}, read: () => value }
}

export function list<T>(of: Shape<T>): Shape<readonly T[]> {
  return {
    write(writer, values) {
      writer.varint(values.length)
      for (let i = 0; i < values.length; i++) of.write(writer, values[i] as T)
    },
    read(reader) {
      const count = reader.varint()
      // Nothing takes less than a byte: a count beyond that would only reserve memory.
      assert(count <= reader.remaining, 'a list fits into its message')
      const values: T[] = []
      for (let i = 0; i < count; i++) values.push(of.read(reader))
      return values
    },
  }
}

export function maybe<T>(of: Shape<T>): Shape<T | undefined> {
  return {
    write(writer, value) {
      writer.u8(value === undefined ? 0 : 1)
      if (value !== undefined) of.write(writer, value)
    },
    read: (reader) => (truth.read(reader) ? of.read(reader) : undefined),
  }
}

const optionals = new WeakSet<object>()

/** A property that is there or not. */
export function optional<T>(of: Shape<T>): Shape<T | undefined> {
  const shape = maybe(of)
  optionals.add(shape)
  return shape
}

type Fields<T> = { readonly [K in keyof T]-?: Shape<T[K]> | (undefined extends T[K] ? Shape<T[K] | undefined> : never) }

/** Its properties, in the order in which they stand here. */
export function struct<T extends object>(fields: Fields<T>): Shape<T> {
  const entries = Object.entries(fields) as [string, Shape<unknown>][]
  const isOptional = entries.map(([, shape]) => optionals.has(shape))
  return {
    write(writer, value) {
      for (let i = 0; i < entries.length; i++) {
        const [name, shape] = entries[i] as [string, Shape<unknown>]
        shape.write(writer, (value as Record<string, unknown>)[name])
      }
    },
    read(reader) {
      const value: Record<string, unknown> = {}
      for (let i = 0; i < entries.length; i++) {
        const [name, shape] = entries[i] as [string, Shape<unknown>]
        const read = shape.read(reader)
        if (read !== undefined || !isOptional[i]) value[name] = read
      }
      return value as T
    },
  }
}

/** A closed union: which of them, then that one. The order of `cases` is the encoding: new ones are added at the end. */
export function union<T>(which: (value: T) => number, cases: readonly Shape<never>[]): Shape<T> {
  return {
    write(writer, value) {
      const at = which(value)
      const shape = cases[at] as unknown as Shape<T> | undefined
      assert(shape !== undefined, 'a value is one of its union')
      writer.u8(at)
      shape.write(writer, value)
    },
    read(reader) {
      const shape = cases[reader.u8()]
      assert(shape !== undefined, 'a value is one of its union')
      return shape.read(reader) as T
    },
  }
}

/** A union told apart by `kind`. */
export function byKind<T extends { readonly kind: string }>(
  cases: {
    readonly [K in T['kind']]: Shape<Extract<T, { readonly kind: K }>>
  },
): Shape<T> {
  const kinds = Object.keys(cases)
  return union<T>((value) => kinds.indexOf(value.kind), Object.values(cases) as Shape<never>[])
}

const depthMax = 500

/** For shapes within themselves: bounded, so that no message can exhaust the stack. */
export function nested<T>(make: (inner: Shape<T>) => Shape<T>): Shape<T> {
  let depth = 0
  const deeper = <R>(step: () => R): R => {
    if (++depth > depthMax) {
      depth--
      throw new RangeError('a message is nested too deeply')
    }
    try {
      return step()
    } finally {
      depth--
    }
  }
  const inner: Shape<T> = {
    write: (writer, value) => deeper(() => outer.write(writer, value)),
    read: (reader) => deeper(() => outer.read(reader)),
  }
  const outer = make(inner)
  return inner
}
