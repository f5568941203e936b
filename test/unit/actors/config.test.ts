import { describe, expect, test } from 'vitest'
import { readCommand } from '../../../actors/command.ts'
import { configDefaults, helpText } from '../../../actors/config.ts'

const config = (words: string[], environment = {}) => {
  const command = readCommand(words, environment)
  if (command.kind !== 'start') throw new Error(`not a start: ${command.kind}`)
  return command.config
}

describe('what is said is what runs', () => {
  test('nothing said: the defaults', () => expect(config([])).toEqual(configDefaults))
  test('options, with a space or an equals sign', () => {
    expect(config(['--port', '15432', '--data=/d'])).toMatchObject({ port: 15_432, data: '/d' })
    expect(config(['start', '--ephemeral'])).toMatchObject({ data: undefined })
    expect(config(['--transaction-bytes-max', '512MB'])).toMatchObject({ transactionBytesMax: 536_870_912 })
  })
  test('the environment, and the command line over it', () => {
    const environment = { TAUDB_PORT: '1', TAUDB_DATA: '/e', TAUDB_EPHEMERAL: '0' }
    expect(config([], environment)).toMatchObject({ port: 1, data: '/e' })
    expect(config(['--port', '2'], environment)).toMatchObject({ port: 2, data: '/e' })
  })
  test('--ephemeral wins over a data directory of the environment', () => {
    expect(config(['--ephemeral'], { TAUDB_DATA: '/e' })).toMatchObject({ data: undefined })
  })
  test('--data wins over TAUDB_EPHEMERAL: what was to be kept is kept', () => {
    expect(config(['--data', '/d'], { TAUDB_EPHEMERAL: '1' })).toMatchObject({ data: '/d' })
    expect(config(['--ephemeral=no'], { TAUDB_EPHEMERAL: '1' })).toMatchObject({ data: configDefaults.data })
    expect(config(['--ephemeral=no', '--data', '/d'])).toMatchObject({ data: '/d' })
  })
  test('journal, help, version', () => {
    expect(readCommand(['journal', 'verify', '--data', '/d'], {})).toEqual({ kind: 'journal', action: 'verify', data: '/d' })
    expect(readCommand(['--help'], {})).toEqual({ kind: 'help' })
    expect(readCommand(['--version'], {})).toEqual({ kind: 'version' })
    expect(helpText()).toContain('TAUDB_TRANSACTION_BYTES_MAX')
  })
})

describe('what is wrong is told in one line with the way out', () => {
  test.each([
    [['--prot', '1'], 'unknown option --prot; did you mean --port?'],
    [['strat'], 'unknown command "strat"; did you mean start?'],
    [['--port'], '--port needs a value: --port PORT'],
    [['--port', 'x'], '--port: "x" is not a whole number from 0 to 65535'],
    [['--port', '70000'], '--port: "70000" is not a whole number from 0 to 65535'],
    [['--port', '1', '--port', '2'], '--port is given twice'],
    [['--host', '0.0.0.0'], 'is not a loopback address'],
    [['--host', '127.0.0.999'], 'is not a loopback address'],
    [['--ephemeral', '--data', '/d'], '--ephemeral and --data exclude each other'],
    [['--transaction-bytes-max', '12'], 'is not a size from 64KB to 64GB'],
    [['--tls-cert', 'c.pem'], '--tls-cert and --tls-key go together'],
    [['journal'], 'journal: say "journal dump" or "journal verify"'],
    [['journal', 'dmup'], 'unknown "journal dmup"; did you mean dump?'],
    [['journal', 'dump', '--ephemeral'], 'an ephemeral database has no journal on disk'],
    [['--wholly-unlike-anything'], 'unknown option --wholly-unlike-anything; there are --port'],
  ])('%j', (words, message) => {
    expect(() => readCommand(words, {})).toThrow(message)
  })
  test('a bad value in the environment is named by its variable', () => {
    expect(() => readCommand([], { TAUDB_PORT: 'x' })).toThrow('TAUDB_PORT: "x"')
  })
})
