/** docker-compose.yml: the file is what Docker takes, and what its services run makes one database, here as processes of this machine. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCommand } from '../../actors/command.ts'
import { keepsWhatItAcknowledges } from '../../bus/nats-version.ts'
import { natsServerProgram } from '../support/nats-program.ts'
import { reached } from '../support/nats-server.ts'
import { composeFile, publishedPort, readCompose, root } from '../topology/compose.ts'
import { startTopology, type Topology } from '../topology/topology.ts'
import { ServerDidNotStart, startServer } from './server-process.ts'

const compose = readCompose({})
const services = Object.entries(compose.services)

describe('the file', () => {
  test('docker-compose takes it', () => {
    const env = { ...process.env, TAUDB_OPERATOR_PASSWORD: '' }
    const { error, status, stderr, stdout } = spawnSync('docker-compose', ['-f', composeFile, 'config'], {
      encoding: 'utf8',
      env,
    })
    if (error !== undefined) {
      process.stderr.write(
        'docker-compose is not here (Debian: apt-get install docker-compose): the file was checked by the tests below only\n',
      )
      return
    }
    expect([status, stderr]).toEqual([0, expect.not.stringMatching(/error|invalid/i)])
    expect(stdout).toContain('frontend-2:')
  })

  test('it has what a database needs, each of it twice, and one pinned version of what is not ours', () => {
    const scaled = services.map(([name, { deploy }]) => [name, deploy?.replicas ?? 1])
    expect(Object.fromEntries(scaled)).toEqual({
      'nats-1': 1,
      'nats-2': 1,
      'nats-3': 1,
      adjudicator: 2,
      storage: 2,
      'frontend-1': 1,
      'frontend-2': 1,
      jaeger: 1,
      status: 1,
    })
    for (const [name, { image = '', build }] of services) {
      expect([name, image]).toEqual([name, expect.stringMatching(/^[a-z/]+:\d+\.\d+\.\d+(-alpine)?$/)])
      expect([name, build !== undefined]).toEqual([name, image.startsWith('taudb:')])
      if (image.startsWith('nats:')) expect(keepsWhatItAcknowledges(image.slice(5))).toBe(true)
    }
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
    expect(compose.services.storage?.image).toBe(`taudb:${version}`)
  })

  test('names that are mentioned are there: services, volumes, files; ports are published once, on this machine only', () => {
    const published: string[] = []
    for (const [name, { depends_on: before = {}, volumes = [], ports = [], command = [], environment = {} }] of services) {
      const mentioned = [
        ...Object.keys(before),
        ...[...command, ...Object.values(environment)].flatMap((text) => text.match(/nats-\d|jaeger(?=:)/g) ?? []),
      ]
      for (const other of mentioned) expect([name, other in compose.services]).toEqual([name, true])
      for (const volume of volumes) {
        const [from = '', to] = volume.split(':')
        if (from.startsWith('./')) expect(existsSync(join(root, from))).toBe(true)
        else if (to !== undefined) expect(compose.volumes).toHaveProperty(from)
      }
      for (const port of ports) {
        expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/)
        published.push(port.split(':')[1] as string)
      }
    }
    expect(published).toEqual([...new Set(published)])
    expect(publishedPort(compose.services['frontend-1'] ?? {}, '5432')).toBe('5432')
  })

  test('taudb understands every command and health check, nats-server its configuration', () => {
    for (const [name, { build, command = [], environment = {}, healthcheck }] of services) {
      if (build === undefined) continue
      expect([name, readCommand(command, environment).kind]).toEqual([name, name === 'status' ? 'status' : 'start'])
      const [, node, program, ...probe] = healthcheck?.test ?? []
      expect([node, program]).toEqual(['node', '/app/dist/actors/cli.js'])
      expect(readCommand(probe, {})).toMatchObject({ kind: 'status', config: { here: true } })
    }
    const { environment = {}, command = [] } = compose.services['nats-1'] ?? {}
    const words = command.map((word) => word.replace('/etc/nats', join(root, 'deploy')))
    const { status, stderr } = spawnSync(natsServerProgram(), ['-t', ...words], {
      encoding: 'utf8',
      env: { ...process.env, ...environment },
    })
    expect([status, stderr]).toEqual([0, expect.stringContaining('is valid')])
    expect(readFileSync(join(root, 'deploy/nats-server.conf'), 'utf8')).toMatch(/^ {2}sync_interval: always$/m)
  })

  test('the image: its files are there, it runs as nobody special, and taudb understands its words', () => {
    const lines = readFileSync(join(root, 'Dockerfile'), 'utf8').split('\n')
    const last = (word: string): string => lines.findLast((line) => line.startsWith(`${word} `))?.slice(word.length + 1) ?? ''
    expect(last('USER')).toBe('node')
    const [entry, words] = [last('ENTRYPOINT'), last('CMD')].map((line) => JSON.parse(line) as string[])
    const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: { taudb: string } }
    expect(entry).toEqual(['node', join('/app', bin.taudb)])
    expect(readCommand(words ?? [], {})).toMatchObject({ kind: 'start', config: { data: '/data', trustNetwork: true } })
    expect(last('HEALTHCHECK')).toMatch(/CMD \["node", "\/app\/dist\/actors\/cli\.js", "status", "--here"\]$/)
  })
})

describe('its services', () => {
  let topology: Topology
  beforeAll(async () => {
    topology = await startTopology({ freePorts: true })
  }, 90_000)
  afterAll(() => topology?.stop(), 60_000)

  async function told(...words: string[]): Promise<{ readonly exit: number | string; readonly output: string }> {
    const said = (await startServer(words, topology.toolWords('status').environment).catch(
      (error: unknown) => error,
    )) as ServerDidNotStart
    expect(said).toBeInstanceOf(ServerDidNotStart)
    return said
  }

  async function connected(name: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: topology.running.get(name)?.process.connectionString })
    client.on('error', () => {})
    await client.connect()
    return client
  }

  test('make one database; storage is scaled to three, and parts are killed while clients work', {
    timeout: 120_000,
  }, async () => {
    expect([...topology.running.keys()].sort()).toEqual([
      'adjudicator-1',
      'adjudicator-2',
      'frontend-1',
      'frontend-2',
      'storage-1',
      'storage-2',
    ])
    const [one, two] = [await connected('frontend-1'), await connected('frontend-2')]
    await one.query('create table account (id int primary key, balance int not null)')
    await one.query('insert into account select g, 100 from generate_series(1, 50) g')

    const errors: string[] = []
    let transfers = 0
    let isRunning = true
    const working = [one, two].map(async (client, shift) => {
      for (let n = shift; isRunning; n += 2) {
        const [from, to] = [1 + (n % 50), 1 + ((n * 7 + 3) % 50)]
        try {
          await client.query(
            `begin; update account set balance = balance - 1 where id = ${from}; update account set balance = balance + 1 where id = ${to}; commit`,
          )
          transfers++
        } catch (error) {
          const { code } = error as { code?: string }
          errors.push(code ?? String(error))
          // The connection is gone, and what comes next would be refused at once, for ever.
          if (code === undefined) return
          await client.query('rollback').catch(() => {})
        }
      }
    })
    const goesOn = async (): Promise<void> => {
      const before = transfers
      await reached(() => transfers > before + 20, 30_000)
    }
    await goesOn()
    await topology.scale('storage', 3)
    await goesOn()
    const whole = await told('status')
    const monitors = topology.nats?.servers.map(({ monitorPort }) => `http://127.0.0.1:${monitorPort}`) ?? []
    const doctor = await told('doctor', '--nats-monitor', monitors.join(','))
    expect([doctor.output, doctor.exit]).toEqual([expect.stringMatching(/ok {4}journal of partition 0: 3 copies, all there/), 0])
    expect(doctor.output.match(/^ok {4}(server \S+: version|sync_interval at \S+: always)/gm)).toHaveLength(6)
    expect([whole.output, whole.exit]).toEqual([expect.stringMatching(/partition {2}owner[\s\S]* n1\*? n2\*? n3\*?\n/), 0])
    expect(whole.output.match(/^0 +\S+ +serves +\d+ +\d+ records?$/gm)).toHaveLength(3)

    const kill = async (name: string): Promise<void> => void (await topology.running.get(name)?.process.stop('SIGKILL'))
    await kill('storage-1')
    await goesOn()
    const owner = /^0 +[^\s:]+:(\d+) /m.exec(whole.output)?.[1]
    const owning = [...topology.running.values()].find(({ process }) => String(process.pid) === owner)?.name ?? ''
    expect(owning).toMatch(/^adjudicator-[12]$/)
    await kill(owning)
    await goesOn()
    await topology.restart('storage-1')
    await goesOn()
    isRunning = false
    await Promise.all(working)
    expect(errors.filter((code) => !['40001', '08007', '57P01'].includes(code))).toEqual([])
    for (const client of [one, two])
      expect((await client.query('select sum(balance)::int as sum, count(*)::int as n from account')).rows).toEqual([
        { sum: 5_000, n: 50 },
      ])
    process.stderr.write(
      `${transfers} transfers through two frontends, ${errors.length} answered with ${[...new Set(errors)].join(', ') || 'no error'}\n`,
    )

    const standby = owning === 'adjudicator-1' ? 'adjudicator-2' : 'adjudicator-1'
    await kill(standby)
    expect(await told('status')).toMatchObject({
      exit: 1,
      output: expect.stringContaining('missing: partition 0 has no owner: start a process with the role adjudicator'),
    })
    await Promise.all([one.end(), two.end()])
  })
})
