/** The packed build, used from somewhere else: its bin, its import, its types. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from './server-process.ts'

const root = join(import.meta.dirname, '../..')

function run(program: string, words: string[], folder: string): string {
  const { status, stdout, stderr } = spawnSync(program, words, { cwd: folder, encoding: 'utf8', timeout: 60_000 })
  if (status !== 0) throw new Error(`${program} ${words.join(' ')} ended with ${status}: ${stdout}${stderr}`)
  return stdout
}

test('a project elsewhere runs the bin, imports startCluster and type-checks against it', { timeout: 120_000 }, () => {
  using elsewhere = temporaryDirectory('package')
  const modules = join(elsewhere.path, 'node_modules')
  const installed = join(modules, 'taudb')
  mkdirSync(installed, { recursive: true })
  run(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json', '--outDir', join(installed, 'dist')], root)
  const { dependencies, files, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
    files: string[]
    bin: { taudb: string }
  }
  expect(files).toContain('dist')
  cpSync(join(root, 'package.json'), join(installed, 'package.json'))
  for (const name of [...Object.keys(dependencies), '@types/node', 'undici-types']) {
    if (name.includes('/')) mkdirSync(join(modules, name.split('/')[0] as string), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }

  expect(run(process.execPath, [join(installed, bin.taudb), '--version'], elsewhere.path)).toMatch(/^taudb \d+\.\d+\.\d+\n$/)
  writeFileSync(join(elsewhere.path, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(elsewhere.path, 'use.ts'),
    `import { type Cluster, startCluster } from 'taudb'
const clusters: Cluster[] = await Promise.all([startCluster(), startCluster({ port: 0 })])
console.log(new Set(clusters.map(({ connectionString }) => connectionString)).size)
for (const cluster of clusters) await cluster.close()
`,
  )
  expect(run(process.execPath, ['use.ts'], elsewhere.path)).toBe('2\n')
  const strict = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node', 'use.ts']
  run(join(root, 'node_modules/.bin/tsc'), strict, elsewhere.path)
})
