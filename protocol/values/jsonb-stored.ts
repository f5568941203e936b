import { ByteReader } from '../bytes.ts'
import { decodeNode, type Jsonb, type JsonNode, tagArray, tagObject } from './jsonb.ts'

/** An object's member by its name, an array's element by its place; negative ones count from the end. */
export type JsonStep = string | number

/** Looks for so many things before a document is taken apart for good. */
const looksMax = 4
const looks = new WeakMap<Jsonb, number>()

/** May something be looked for in the stored form? What is asked again and again is better taken apart. */
export function isLookedInto(value: Jsonb): boolean {
  if (value.isApart || value.stored === undefined || (value.stored[0] as number) < tagArray) return false
  const before = looks.get(value) ?? 0
  looks.set(value, before + 1)
  return before < looksMax
}

/**
 * What stands at a path within a large document, which is passed over and not taken apart: undefined where nothing does. `stepInto` tells what a step of the
 * path means in an array or an object.
 */
export function foundWithin<Step>(
  stored: Buffer,
  path: readonly Step[],
  stepInto: (step: Step, isArray: boolean) => JsonStep | undefined,
): JsonNode | undefined {
  const reader = new ByteReader(stored)
  for (const written of path) {
    const tag = reader.u8()
    if (tag !== tagArray && tag !== tagObject) return undefined
    const step = stepInto(written, tag === tagArray)
    if (step === undefined || (typeof step === 'number') !== (tag === tagArray)) return undefined
    if (!(typeof step === 'number' ? goToElement(reader, step) : goToMember(reader, step))) return undefined
  }
  return decodeNode(reader)
}

function goToElement(reader: ByteReader, index: number): boolean {
  const count = reader.varint()
  const place = index < 0 ? count + index : index
  if (place < 0 || place >= count) return false
  for (let i = 0; i < place; i++) passOver(reader)
  return true
}

function goToMember(reader: ByteReader, name: string): boolean {
  const count = reader.varint()
  const wanted = Buffer.from(name)
  for (let i = 0; i < count; i++) {
    const length = reader.varint()
    const { at } = reader
    reader.skip(length)
    if (length === wanted.length && wanted.compare(reader.buffer, at, at + length) === 0) return true
    passOver(reader)
  }
  return false
}

function passOver(reader: ByteReader): void {
  const tag = reader.u8()
  if (tag < 3) return
  const count = reader.varint()
  if (tag === tagArray) for (let i = 0; i < count; i++) passOver(reader)
  else if (tag === tagObject) {
    for (let i = 0; i < count; i++) {
      reader.skip(reader.varint())
      passOver(reader)
    }
  } else reader.skip(count)
}
