/** Indexes that come and go while rows change: whoever reads through one finds what the table holds, at every moment. */
import type { Kernel } from './kernel.ts'
import type { SeededRandom } from './random.ts'
import { inTransaction, must, pause, type Violation, type Workload } from './workloads.ts'
import { alone } from './workloads-sql.ts'

const colors = 3
/** Rows that change have ids up to here; those above are there to be many. */
const changingMax = 1_000
const rowsAtFirst = 24

interface IndexedTable {
  readonly name: string
  readonly table: string
  readonly setup: readonly string[]
  /** The statement that begins the build, and whether its answer names a job to wait for. */
  create(index: string, random: SeededRandom): { readonly sql: string; readonly isJob: boolean }
}

/** A table of few rows: the index is built inside the transaction of its CREATE INDEX. */
export const indexBuild = (kernel: Kernel): Workload =>
  indexed(kernel, {
    name: 'index-build',
    table: 'parcel',
    setup: [],
    create: (index) => ({ sql: `create index ${index} on parcel (color)`, isJob: false }),
  })

/** A table of more rows: a background job fills the index in transactions of its own, beside those of the writers (rule 4, mode R). */
export const indexJob = (kernel: Kernel): Workload =>
  indexed(kernel, {
    name: 'index-job',
    table: 'crate',
    setup: ['insert into crate select g, 9 from generate_series(1001, 2010) g'],
    create: (index, random) => {
      const unique = random.chance(0.3)
      const columns = unique ? 'color, id' : 'color'
      return { sql: `create ${unique ? 'unique ' : ''}index async ${index} on crate (${columns})`, isJob: true }
    },
  })

function indexed(kernel: Kernel, { name, table, setup, create }: IndexedTable): Workload {
  let committed = 0
  let next = rowsAtFirst
  let index = 0
  let isBuilding = false
  const violations: Violation[] = []
  const look = async (ask: (sql: string) => Promise<{ rows: readonly (readonly (string | null)[])[] }>): Promise<void> => {
    const { rows } = await ask(`select id, color + 0 from ${table} where id <= ${changingMax}`)
    for (let color = 0; color < colors; color++) {
      const expected = rows.filter(([, value]) => Number(value) === color).map(([id]) => Number(id))
      const found = (await ask(`select id from ${table} where color = ${color}`)).rows.map(([id]) => Number(id))
      if (found.sort((a, b) => a - b).join() !== expected.sort((a, b) => a - b).join()) {
        const detail = `color ${color}: the table has ${expected.join(' ')}, the index ${found.join(' ')}`
        violations.push({ oracle: name, promise: 'R3', detail })
      }
    }
  }
  return {
    name,
    setup: [
      `create table ${table} (id int primary key, color int not null)`,
      `insert into ${table} select g, g % ${colors} from generate_series(1, ${rowsAtFirst}) g`,
      ...setup,
    ],
    get committed() {
      return committed
    },
    violations,
    async transaction(client, random) {
      const draw = random.fraction()
      if (draw < 0.12 && !isBuilding) {
        isBuilding = true
        const built = `${table}_color_${index++}`
        const { sql, isJob } = create(built, random)
        const { outcome, rows } = await alone(client, sql, /^42/)
        if (outcome === 'committed') committed++
        const job = isJob ? rows[0]?.[0] : undefined
        if (typeof job === 'string' && random.chance(0.9)) {
          const { rows: answers } = await alone(client, `call sys.wait_for_job('${job}')`, /^42/)
          if (answers[0]?.[0] === 't') {
            kernel.count('index jobs completed')
            // A wrong entry is best seen before its row changes again.
            await inTransaction(client, look)
          }
        }
        if (outcome === 'committed' && random.chance(0.7)) await pause(kernel, random.integer(300))
        await alone(client, `drop index if exists ${built}`, /^(42|55)/)
        isBuilding = false
        return
      }
      if (draw < 0.25) {
        await inTransaction(client, look)
        return
      }
      const id = 1 + random.integer(next)
      const outcome = await inTransaction(client, async (ask) => {
        if (draw < 0.7) await ask(`update ${table} set color = ${random.integer(colors)} where id = ${id}`)
        else if (draw < 0.85) await ask(`delete from ${table} where id = ${id}`)
        else await ask(`insert into ${table} values (${++next}, ${random.integer(colors)})`)
        if (random.chance(0.4)) await pause(kernel, random.integer(20))
      })
      if (outcome === 'committed') committed++
    },
    async check(client) {
      await alone(client, `create index ${table}_color_last on ${table} (color)`, /^42/)
      await look((sql) => must(client.query(sql)))
      return violations
    },
  }
}
