/**
 * The list-append checker: is a history of transactions that append unique numbers to lists and read whole lists allowed under strong
 * snapshot isolation? After Adya's graphs and Cerone & Gotsman: a history is snapshot isolated iff the dependencies D (write-write, write-read,
 * session and here real time) followed by at most one anti-dependency (read-write) have no cycle. Write skew (two anti-dependencies in a row)
 * is allowed; `writeSkews` counts it, because an oracle that forbids it tests something else.
 */

export type Operation =
  | { readonly kind: 'append'; readonly key: string; readonly value: number }
  | { readonly kind: 'read'; readonly key: string; readonly values: readonly number[] }

export interface HistoryEntry {
  readonly id: number
  readonly operations: readonly Operation[]
  /** unknown: the client never learned; it counts as committed when somebody saw it. */
  readonly outcome: 'committed' | 'aborted' | 'unknown'
  /** Real time of BEGIN's sending and of COMMIT's answer. */
  readonly began: number
  readonly ended: number
}

export interface Anomaly {
  readonly name: 'G1a' | 'G1b' | 'internal' | 'incompatible order' | 'duplicate' | 'cycle' | 'lost append'
  readonly detail: string
}

export interface HistoryVerdict {
  readonly anomalies: readonly Anomaly[]
  readonly writeSkews: number
  readonly committed: number
}

type EdgeKind = 'ww' | 'wr' | 'rw' | 'rt'

export function checkHistory(
  history: readonly HistoryEntry[],
  finalLists?: ReadonlyMap<string, readonly number[]>,
): HistoryVerdict {
  const anomalies: Anomaly[] = []
  const writer = new Map<string, HistoryEntry>()
  for (const entry of history) {
    for (const operation of entry.operations) {
      if (operation.kind === 'append') writer.set(`${operation.key} ${operation.value}`, entry)
    }
  }
  const reads = readsOf(history, finalLists)
  const seen = new Set<number>()
  for (const { key, values, by } of reads) {
    for (const value of values) {
      const from = writer.get(`${key} ${value}`)
      if (from === undefined) anomalies.push({ name: 'G1a', detail: `${by} read ${value} of ${key}, which nobody appended` })
      else if (from.outcome === 'aborted')
        anomalies.push({ name: 'G1a', detail: `${by} read ${value} of ${key}, appended by aborted ${from.id}` })
      else seen.add(from.id)
    }
    if (new Set(values).size !== values.length)
      anomalies.push({ name: 'duplicate', detail: `${by} read ${key} = ${values.join(',')}` })
  }
  const orders = ordersOf(reads, anomalies)
  const committed = history.filter(
    (entry) => entry.outcome === 'committed' || (entry.outcome === 'unknown' && seen.has(entry.id)),
  )
  checkInternal(committed, anomalies)
  checkIntermediate(reads, writer, anomalies)
  if (finalLists !== undefined) checkLost(history, finalLists, anomalies)
  const edges = dependencies(committed, orders, writer)
  const cycle = forbiddenCycle(committed, edges)
  if (cycle !== undefined) anomalies.push({ name: 'cycle', detail: cycle })
  return { anomalies, writeSkews: countWriteSkews(edges), committed: committed.length }
}

interface Read {
  readonly key: string
  readonly values: readonly number[]
  readonly by: string
}

function readsOf(history: readonly HistoryEntry[], finalLists: ReadonlyMap<string, readonly number[]> | undefined): Read[] {
  const reads: Read[] = []
  for (const entry of history) {
    if (entry.outcome === 'aborted') continue
    const own = new Set<string>()
    for (const operation of entry.operations) {
      if (operation.kind === 'append') own.add(`${operation.key} ${operation.value}`)
      else {
        const values = operation.values.filter((value) => !own.has(`${operation.key} ${value}`))
        reads.push({ key: operation.key, values, by: `transaction ${entry.id}` })
      }
    }
  }
  for (const [key, values] of finalLists ?? []) reads.push({ key, values, by: 'the last reader' })
  return reads
}

/** The version order of each key is its longest read; every other read must be a prefix of it. */
function ordersOf(reads: readonly Read[], anomalies: Anomaly[]): Map<string, readonly number[]> {
  const orders = new Map<string, readonly number[]>()
  for (const { key, values } of reads) if (values.length > (orders.get(key)?.length ?? -1)) orders.set(key, values)
  for (const { key, values, by } of reads) {
    const order = orders.get(key) as readonly number[]
    if (values.some((value, i) => order[i] !== value)) {
      anomalies.push({ name: 'incompatible order', detail: `${by} read ${key} = ${values.join(',')}, others ${order.join(',')}` })
    }
  }
  return orders
}

/** A transaction reads its own appends behind what it saw first, and the same list each time. */
function checkInternal(committed: readonly HistoryEntry[], anomalies: Anomaly[]): void {
  for (const entry of committed) {
    const first = new Map<string, readonly number[]>()
    const own = new Map<string, number[]>()
    for (const operation of entry.operations) {
      if (operation.kind === 'append') own.set(operation.key, [...(own.get(operation.key) ?? []), operation.value])
      else {
        const mine = own.get(operation.key) ?? []
        const before = operation.values.slice(0, operation.values.length - mine.length)
        const expected = [...(first.get(operation.key) ?? before), ...mine]
        if (operation.values.join() !== expected.join()) {
          anomalies.push({
            name: 'internal',
            detail: `transaction ${entry.id} read ${operation.key} = ${operation.values.join(',')}, expected ${expected.join(',')}`,
          })
        }
        first.set(operation.key, before)
      }
    }
  }
}

/** Nobody sees part of what one transaction appended to a key. */
function checkIntermediate(reads: readonly Read[], writer: ReadonlyMap<string, HistoryEntry>, anomalies: Anomaly[]): void {
  for (const { key, values, by } of reads) {
    const last = values.at(-1)
    const from = last === undefined ? undefined : writer.get(`${key} ${last}`)
    const appended = from?.operations.filter((operation) => operation.kind === 'append' && operation.key === key) ?? []
    const newest = appended.at(-1)
    if (newest?.kind === 'append' && newest.value !== last && by !== `transaction ${from?.id}`) {
      anomalies.push({
        name: 'G1b',
        detail: `${by} read ${key} up to ${last} of transaction ${from?.id}, which went on to ${newest.value}`,
      })
    }
  }
}

function checkLost(
  history: readonly HistoryEntry[],
  finalLists: ReadonlyMap<string, readonly number[]>,
  anomalies: Anomaly[],
): void {
  for (const entry of history) {
    if (entry.outcome !== 'committed') continue
    for (const operation of entry.operations) {
      if (operation.kind === 'append' && finalLists.get(operation.key)?.includes(operation.value) !== true) {
        anomalies.push({
          name: 'lost append',
          detail: `${operation.value} of acknowledged transaction ${entry.id} is not in ${operation.key}`,
        })
      }
    }
  }
}

type Edges = Map<number, Map<number, Set<EdgeKind>>>

function dependencies(
  committed: readonly HistoryEntry[],
  orders: ReadonlyMap<string, readonly number[]>,
  writer: ReadonlyMap<string, HistoryEntry>,
): Edges {
  const edges: Edges = new Map()
  const add = (from: number, to: number, kind: EdgeKind): void => {
    if (from === to) return
    const targets = edges.get(from) ?? new Map<number, Set<EdgeKind>>()
    edges.set(from, targets)
    targets.set(to, (targets.get(to) ?? new Set()).add(kind))
  }
  const writerOf = (key: string, value: number | undefined): number | undefined =>
    value === undefined ? undefined : writer.get(`${key} ${value}`)?.id
  for (const [key, order] of orders) {
    for (let i = 1; i < order.length; i++) {
      const [from, to] = [writerOf(key, order[i - 1]), writerOf(key, order[i])]
      if (from !== undefined && to !== undefined) add(from, to, 'ww')
    }
  }
  for (const entry of committed) {
    const own = new Set<number>()
    for (const operation of entry.operations) {
      if (operation.kind === 'append') {
        own.add(operation.value)
        continue
      }
      const values = operation.values.filter((value) => !own.has(value))
      const from = writerOf(operation.key, values.at(-1))
      if (from !== undefined) add(from, entry.id, 'wr')
      const next = writerOf(operation.key, orders.get(operation.key)?.[values.length])
      if (next !== undefined) add(entry.id, next, 'rw')
    }
  }
  addRealTime(committed, add)
  return edges
}

/** x ended before y began: an edge from each x to the transactions that begin next is enough, the rest follows. */
function addRealTime(committed: readonly HistoryEntry[], add: (from: number, to: number, kind: EdgeKind) => void): void {
  const acknowledged = committed.filter(({ outcome }) => outcome === 'committed').sort((a, b) => a.ended - b.ended)
  for (const y of committed) {
    let latestBegin = Number.NEGATIVE_INFINITY
    for (const x of acknowledged) if (x.ended < y.began && x.began > latestBegin) latestBegin = x.began
    for (const x of acknowledged) if (x.ended < y.began && x.ended >= latestBegin) add(x.id, y.id, 'rt')
  }
}

/** A cycle of D;rw? steps: nodes are (transaction, did the last step end with an anti-dependency). */
function forbiddenCycle(committed: readonly HistoryEntry[], edges: Edges): string | undefined {
  const steps = (from: number): { to: number; via: string }[] => {
    const found: { to: number; via: string }[] = []
    for (const [middle, kinds] of edges.get(from) ?? []) {
      const dependency = [...kinds].find((kind) => kind !== 'rw')
      if (dependency === undefined) continue
      found.push({ to: middle, via: `-${dependency}->` })
      for (const [to, second] of edges.get(middle) ?? [])
        if (second.has('rw')) found.push({ to, via: `-${dependency}-> ${middle} -rw->` })
    }
    return found
  }
  const state = new Map<number, 'open' | 'done'>()
  for (const { id } of committed) {
    if (state.has(id)) continue
    const stack = [{ id, steps: steps(id), next: 0, via: '' }]
    state.set(id, 'open')
    while (stack.length > 0) {
      const frame = stack.at(-1) as (typeof stack)[number]
      const step = frame.steps[frame.next++]
      if (step === undefined) {
        state.set(frame.id, 'done')
        stack.pop()
      } else if (state.get(step.to) === 'open') {
        const path = stack.slice(stack.findIndex((open) => open.id === step.to))
        return `${path.map(({ id: node, via }, i) => (i === 0 ? `${node}` : `${via} ${node}`)).join(' ')} ${step.via} ${step.to}`
      } else if (!state.has(step.to)) {
        state.set(step.to, 'open')
        stack.push({ id: step.to, steps: steps(step.to), next: 0, via: step.via })
      }
    }
  }
  return undefined
}

/** Pairs of transactions that each read what the other then overwrote: allowed, and it must occur. */
function countWriteSkews(edges: Edges): number {
  let count = 0
  for (const [from, targets] of edges) {
    for (const [to, kinds] of targets) if (from < to && kinds.has('rw') && edges.get(to)?.get(from)?.has('rw') === true) count++
  }
  return count
}
