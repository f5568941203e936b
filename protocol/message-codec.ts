import { assert } from './assert.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { SqlError, type SqlErrorFields } from './errors.ts'
import {
  adjudicatorShapes,
  ownedShape,
  postImagesShape,
  presentShape,
  replicaShape,
  rollCallShape,
  spansAskedShape,
  spansToldShape,
  stagingShape,
  storageShapes,
} from './message-shapes.ts'
import { always, byKind, optional, type Shape, struct, utf8, whole } from './shape.ts'

/**
 * Messages as bytes, for addressees in other processes:
 *
 *     question = version (u8) | number of its kind (u8) | body        answer = version (u8) | number of the question's kind (u8) | body
 *
 * Everything is checked on arrival: a message of another version, of an unknown kind, too short, too long or out of bounds throws
 * RangeError or AssertionFailed, and nothing in it has been used by then.
 */
const version = 1

interface Kind {
  readonly number: number
  readonly ask: Shape<unknown>
  readonly answer: Shape<unknown>
}

/** Numbers are for ever: new kinds get new ones, a changed shape gets a new version. */
const numbers = {
  begin: 1,
  closed: 2,
  commit: 3,
  outcome: 4,
  prepare: 5,
  settle: 6,
  holdings: 7,
  move: 8,
  get: 16,
  scan: 17,
  vacuum: 18,
  postImages: 32,
  stage: 33,
  owned: 34,
  replica: 35,
  rollCall: 40,
  present: 41,
  spansAsked: 42,
  spansTold: 43,
} as const satisfies Record<
  | keyof typeof adjudicatorShapes
  | keyof typeof storageShapes
  | 'postImages'
  | 'stage'
  | 'owned'
  | 'replica'
  | 'rollCall'
  | 'present'
  | 'spansAsked'
  | 'spansTold',
  number
>

const nothing = always(undefined)
const byName = new Map<string, Kind>()
for (const [name, [ask, answer]] of Object.entries({
  ...adjudicatorShapes,
  ...storageShapes,
  postImages: [postImagesShape, nothing] as const,
  stage: [stagingShape, nothing] as const,
  owned: [ownedShape, nothing] as const,
  replica: [replicaShape, nothing] as const,
  rollCall: [rollCallShape, nothing] as const,
  present: [presentShape, nothing] as const,
  spansAsked: [spansAskedShape, nothing] as const,
  spansTold: [spansToldShape, nothing] as const,
})) {
  byName.set(name, {
    number: numbers[name as keyof typeof numbers],
    ask: ask as Shape<unknown>,
    answer: answer as Shape<unknown>,
  })
}
const byNumber = new Map([...byName.values()].map((kind) => [kind.number, kind]))

/** Post-images have no `kind` of their own; what is taken back has the shape of what is staged. */
function kindOf(message: unknown): Kind {
  const { kind = 'postImages' } = message as { readonly kind?: string }
  const found = byName.get(kind === 'unstage' ? 'stage' : kind)
  assert(found !== undefined, `a message of kind ${kind} has an encoding`)
  return found
}

const writer = new ByteWriter(4_096)
/** A large message leaves no large buffer behind. */
const scratchBytesMax = 1_048_576

function written(number: number, shape: Shape<unknown>, value: unknown): Buffer {
  writer.reset()
  writer.u8(version)
  writer.u8(number)
  shape.write(writer, value)
  const taken = writer.take()
  if (writer.buffer.length > scratchBytesMax) writer.buffer = Buffer.allocUnsafeSlow(4_096)
  return taken
}

function opened(bytes: Uint8Array): { readonly reader: ByteReader; readonly kind: Kind } {
  const reader = new ByteReader(bytes)
  assert(reader.u8() === version, 'a message is of the version that this program speaks')
  const kind = byNumber.get(reader.u8())
  assert(kind !== undefined, 'a message is of a known kind')
  return { reader, kind }
}

function finished<T>(reader: ByteReader, value: T): T {
  assert(reader.remaining === 0, 'a message ends where its content does')
  return value
}

export function encodeQuestion(message: unknown): Buffer {
  const { number, ask } = kindOf(message)
  return written(number, ask, message)
}

export function decodeQuestion(bytes: Uint8Array): unknown {
  const { reader, kind } = opened(bytes)
  return finished(reader, kind.ask.read(reader))
}

/** `question` says what kind of answer it is. */
export function encodeAnswer(question: unknown, answer: unknown): Buffer {
  const { number, answer: shape } = kindOf(question)
  return written(number, shape, answer)
}

export function decodeAnswer(question: unknown, bytes: Uint8Array): unknown {
  const expected = kindOf(question)
  const { reader, kind } = opened(bytes)
  assert(kind === expected, 'an answer is one to what was asked')
  return finished(reader, kind.answer.read(reader))
}

const fieldsShape = struct<Record<string, string | undefined>>(
  Object.fromEntries(
    (
      [
        'severity',
        'detail',
        'hint',
        'internalQuery',
        'where',
        'schema',
        'table',
        'column',
        'datatype',
        'constraint',
      ] as const satisfies readonly (keyof SqlErrorFields)[]
    ).map((name) => [name, optional(utf8)]),
  ),
)
const placesShape = struct<Record<string, number | undefined>>({
  position: optional(whole()),
  internalPosition: optional(whole()),
})

const sqlError: Shape<SqlError> = {
  write(into, { code, message, fields }) {
    utf8.write(into, code)
    utf8.write(into, message)
    fieldsShape.write(into, fields as Record<string, string | undefined>)
    placesShape.write(into, fields as Record<string, number | undefined>)
  },
  read(reader) {
    const [code, message] = [utf8.read(reader), utf8.read(reader)]
    return new SqlError(code, message, { ...fieldsShape.read(reader), ...placesShape.read(reader) } as SqlErrorFields)
  },
}

/** Why a question has no answer, as it travels back. */
export type Failure =
  | { readonly kind: 'sql'; readonly error: SqlError }
  /** In the words of the bus: the addressee itself could not reach somebody, or is none any more. */
  | { readonly kind: 'bus'; readonly reason: string }
  | { readonly kind: 'bug'; readonly message: string }

const failure = byKind<Failure>({
  sql: struct({ kind: always('sql'), error: sqlError }),
  bus: struct({ kind: always('bus'), reason: utf8 }),
  bug: struct({ kind: always('bug'), message: utf8 }),
})

export const encodeFailure = (value: Failure): Buffer => written(0, failure as Shape<unknown>, value)

export function decodeFailure(bytes: Uint8Array): Failure {
  const reader = new ByteReader(bytes)
  assert(reader.u8() === version && reader.u8() === 0, 'a failure is of the version that this program speaks')
  return finished(reader, failure.read(reader))
}
