/** psql, pgbench and libfaketime: from PATH, from Debian's folders, or unpacked from Debian's packages into a cache outside the work tree. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const packages = { psql: 'postgresql-client', pgbench: 'postgresql' } as const

/** The program's path. Throws, naming what to install, where none can be had: nothing is skipped in silence. */
export function clientProgram(name: keyof typeof packages): string {
  return installed(name) ?? cached(name) ?? unpacked(name)
}

function installed(name: string): string | undefined {
  for (const path of (process.env.PATH ?? '').split(':')) {
    const program = join(path, name)
    if (existsSync(program) && spawnSync(program, ['--version']).status === 0) return program
  }
  return below('/usr/lib/postgresql', name)
}

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'taudb')

const cached = (name: string): string | undefined => below(join(cache, 'usr/lib/postgresql'), name)

/** The newest version's program in a folder of versions. */
function below(folder: string, name: string): string | undefined {
  if (!existsSync(folder)) return undefined
  const versions = readdirSync(folder).sort((a, b) => Number(b) - Number(a))
  return versions.map((version) => join(folder, version, 'bin', name)).find((program) => existsSync(program))
}

function unpacked(name: keyof typeof packages): string {
  const about = packages[name]
  mkdirSync(cache, { recursive: true })
  const script = `set -e
    real=$(apt-cache depends --no-recommends --no-suggests ${about} | sed -n 's/^ *Depends: \\(${about}-[0-9]*\\)$/\\1/p' | head -1)
    apt-get download "$real" libpq5 >/dev/null
    for package in *.deb; do dpkg-deb -x "$package" .; rm "$package"; done`
  const { status, stderr } = spawnSync('sh', ['-c', script], { cwd: cache, encoding: 'utf8' })
  const program = cached(name)
  if (status === 0 && program !== undefined) return program
  throw new Error(
    `the tests need ${name}: install it (Debian: apt-get install ${about}). Unpacking it into ${cache} failed: ${stderr}`,
  )
}

/** The library that gives a process another clock, or undefined where it is not installed and cannot be had. */
export function fakeTimeLibrary(): string | undefined {
  const known = fakeTimeBelow('/usr/lib') ?? fakeTimeBelow(join(cache, 'usr/lib'))
  if (known !== undefined) return known
  mkdirSync(cache, { recursive: true })
  const script = 'apt-get download libfaketime >/dev/null && dpkg-deb -x libfaketime_*.deb . && rm libfaketime_*.deb'
  spawnSync('sh', ['-c', script], { cwd: cache, timeout: 30_000 })
  return fakeTimeBelow(join(cache, 'usr/lib'))
}

function fakeTimeBelow(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined
  return readdirSync(folder)
    .map((triplet) => join(folder, triplet, 'faketime/libfaketimeMT.so.1'))
    .find((path) => existsSync(path))
}
