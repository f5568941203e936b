import { metrics } from '../../observability/metrics.ts'
import type { Oid } from '../../protocol/ids.ts'
import type { Planned } from './prepared.ts'
import { type ParsedStatement, parse } from './sql/parse.ts'

/** Longer texts are seldom said twice. */
const textLengthMax = 8_192
const entriesMax = 2_000

/** Words whose meaning is the moment: a plan that holds one as a constant is nobody else's. */
const momentary = /\b(now|today|tomorrow|yesterday|allballs)\b(?!\s*\()/i

/** A bounded map that forgets what was not asked for longest. */
class Recent<Value> {
  private readonly entries = new Map<string, Value>()

  get(key: string): Value | undefined {
    const value = this.entries.get(key)
    if (value === undefined) return undefined
    this.entries.delete(key)
    this.entries.set(key, value)
    return value
  }

  set(key: string, value: Value): void {
    if (this.entries.size >= entriesMax) {
      for (const oldest of this.entries.keys()) {
        this.entries.delete(oldest)
        break
      }
    }
    this.entries.set(key, value)
  }
}

/** What all sessions of a process have parsed and planned. Entries are immutable; a plan's key says everything it depends on. */
export class PlanCache {
  private readonly parses = new Recent<readonly ParsedStatement[]>()
  private readonly plans = new Recent<Planned>()

  parse(text: string): readonly ParsedStatement[] {
    if (text.length > textLengthMax) return parse(text)
    const known = this.parses.get(text)
    if (known !== undefined) return known
    const parsed = parse(text)
    this.parses.set(text, parsed)
    return parsed
  }

  /** Undefined for a statement whose plan must not be shared. */
  key(text: string, types: readonly Oid[]): string | undefined {
    return text.length > textLengthMax || momentary.test(text) ? undefined : `${types.join(',')} ${text}`
  }

  find(key: string, catalogVersion: string, environment: string): Planned | undefined {
    const found = this.plans.get(`${catalogVersion} ${environment} ${key}`)
    if (found !== undefined) metrics.plansFound++
    else metrics.plansMade++
    return found
  }

  keep(key: string, planned: Planned): void {
    this.plans.set(`${planned.catalogVersion} ${planned.environment} ${key}`, planned)
  }
}
