/**
 * The real database with small segments and short delays, which kills itself with SIGKILL at a named point of its work. Started by kill.test.ts:
 * `crash-server.ts DIRECTORY POINT MOMENT COUNT`; armed by SIGUSR2, it dies the COUNTth time it comes by.
 */
import { writeSync } from 'node:fs'
import { retentionDefault } from '../../actors/circle.ts'
import { startCluster } from '../../actors/cluster.ts'
import { GroupCommit } from '../../actors/journal/group-commit.ts'
import { Ownership } from '../../actors/journal/journal.ts'
import { BusCircle } from '../../actors/query-processor/circle-bus.ts'
import { firstUserOid } from '../../actors/query-processor/sql/catalog/keys.ts'
import { LmdbVersionStore } from '../../actors/storage/version-store-lmdb.ts'
import { EmbeddedLog } from '../../bus/embedded-log.ts'
import { realFiles } from '../../bus/real-world.ts'
import { storageIdOf } from '../../protocol/key.ts'
import type { CommitRequest } from '../../protocol/messages.ts'

const [directory, chosen, moment, count] = process.argv.slice(2)
let left = Number(count)
let isArmed = false
process.on('SIGUSR2', () => {
  isArmed = true
})

function die(): void {
  writeSync(1, `killed ${moment} ${chosen}\n`)
  process.kill(process.pid, 'SIGKILL')
}

const isDue = (point: string): boolean => isArmed && point === chosen && --left <= 0

type Method = (this: object, ...values: unknown[]) => unknown

/** Before the method does anything, within it (a few milliseconds after its beginning, or before its end), or right after it. */
function watch(
  point: string,
  target: object,
  method: string,
  comesBy: (self: object, values: readonly unknown[]) => boolean = () => true,
): void {
  const place = target as Record<string, Method>
  const original = place[method]
  if (original === undefined) throw new Error(`there is no method ${method}`)
  place[method] = function (...values) {
    if (!comesBy(this, values) || !isDue(point)) return original.apply(this, values)
    if (moment === 'before') die()
    const result = original.apply(this, values)
    if (!(result instanceof Promise)) die()
    else if (moment === 'after') result.then(die, die)
    else setTimeout(die, Math.random() * 4)
    return result
  }
}

watch('segment roll', EmbeddedLog.prototype, 'openSegment')
watch('checkpoint', LmdbVersionStore.prototype, 'flush', (self) => !(self as { isFlushing: boolean }).isFlushing)
watch('index build', BusCircle.prototype, 'commit', (_, [request]) =>
  (request as CommitRequest).checks.some(
    (check) => 'key' in check && check.mode === 'R' && storageIdOf(check.key) >= firstUserOid,
  ),
)
watch('copy', GroupCommit.prototype, 'stage')
watch('copy commit', Ownership.prototype, 'appendStaged')
// A trim removes segments one by one: within it means after the first of them.
if (moment === 'within') watch('trim', realFiles, 'remove', (_, [path]) => String(path).endsWith('.log'))
else
  watch('trim', EmbeddedLog.prototype, 'trim', (self, [to]) => {
    const second = (self as { segments: { first: number }[] }).segments[1]
    return second !== undefined && second.first <= Number(to)
  })

// As planted bugs do: the product has no switches for its tests.
const { open } = EmbeddedLog
EmbeddedLog.open = (files, options) => open.call(EmbeddedLog, files, { ...options, segmentBytes: 32_768 })
Object.assign(retentionDefault, { recordsMicros: 200_000, bytesMax: 262_144, trimDelayMs: 100 })
const store = LmdbVersionStore.prototype as unknown as Record<string, Method>
const flushSoon = store.flushSoon as Method
store.flushSoon = function () {
  Object.assign(this, { flushDelayMs: 100 })
  return flushSoon.call(this)
}

const cluster = await startCluster({ data: directory as string, port: 0 })
process.on('SIGTERM', () => void cluster.close().then(() => process.exit(0)))
process.stdout.write(`taudb is ready\n  connect  psql "${cluster.connectionString}"\n`)
