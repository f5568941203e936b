/**
 * `npm run topology [-- --scale storage=3] [--bus nats://user:password@host:4222] [--free-ports]`: what docker-compose.yml starts, without Docker. Kill any process
 * of it: it is started again, as Docker would. Ctrl-C ends all; the data goes with it.
 */
import { parseArgs } from 'node:util'
import { type Running, startTopology } from './topology.ts'

const { values } = parseArgs({
  options: {
    scale: { type: 'string', multiple: true, default: [] },
    bus: { type: 'string' },
    'free-ports': { type: 'boolean', default: false },
  },
})
const scale = Object.fromEntries(
  values.scale.map((said) => {
    const [service = '', replicas = ''] = said.split('=')
    if (!/^\d+$/.test(replicas)) throw new Error(`--scale ${said}: say a service and a number, as storage=3`)
    return [service, Number(replicas)]
  }),
)

console.log(
  values.bus === undefined ? 'starting three nats-servers and taudb ...' : `starting taudb on ${new URL(values.bus).host} ...`,
)
const { JAEGER_OTLP: traces } = process.env
const topology = await startTopology({
  scale,
  freePorts: values['free-ports'],
  detached: true,
  ...(values.bus === undefined ? {} : { bus: values.bus }),
  ...(traces === undefined ? {} : { traces }),
})

for (const { url, pid, monitorPort } of topology.nats?.servers ?? [])
  console.log(`${'nats-server'.padEnd(14)} pid ${String(pid).padEnd(7)} ${url}  monitoring http://127.0.0.1:${monitorPort}`)
for (const one of topology.running.values()) {
  console.log(lineOf(one))
  watch(one)
}
const status = topology.toolWords('status')
console.log(`
connect  ${[...topology.running.values()].flatMap(({ process: { port, connectionString } }) => (port === 0 ? [] : [`psql "${connectionString}"`])).join('  or  ')}
look     node actors/cli.ts ${status.words.join(' ')} --watch --bus ${status.environment.TAUDB_BUS}
Ctrl-C ends all of it and removes its data.`)

let isStopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (isStopping) return
    isStopping = true
    console.log('stopping ...')
    void topology.stop().then(() => process.exit(0))
  })
}
// Nothing else keeps this process alive while its children run.
setInterval(() => {}, 60_000)

function lineOf({ name, words, process: { pid } }: Running): string {
  return `${name.padEnd(14)} pid ${String(pid).padEnd(7)} taudb ${words.join(' ')}`
}

function watch({ name, process: { exited } }: Running): void {
  void exited.then(async (how) => {
    if (isStopping) return
    console.log(`${name} ended (${how}), starting it again`)
    for (;;) {
      try {
        await topology.restart(name)
        break
      } catch (error) {
        if (isStopping) return
        console.log(`${name} did not start: ${error instanceof Error ? error.message.trim() : String(error)}`)
        await new Promise((resolve) => setTimeout(resolve, 2_000))
      }
    }
    const again = topology.running.get(name) as Running
    console.log(lineOf(again))
    watch(again)
  })
}
