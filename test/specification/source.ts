/** The specifications' text, and the bugs that are planted in it: each leaves out one clause of one rule. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Compiler, type Machine } from './compile.ts'
import type { Module } from './intermediate.ts'

export interface Specification {
  /** Of the file and of its module. */
  readonly name: string
  readonly shows: string
  readonly invariants: readonly string[]
  /** A planted bug that random runs find within seconds. */
  readonly shallow: string
}

export const specifications: readonly Specification[] = [
  {
    name: 'commit',
    shallow: 'one leader for an id',
    shows: 'commit over partitions: rules 3, 4, 7, 8 to 11, 13',
    invariants: [
      'FirstCommitterWins',
      'ReadCheck',
      'AtMostOnce',
      'AbortIsFinal',
      'CompleteSnapshot',
      'PromiseBounded',
      'FloorSound',
    ],
  },
  {
    name: 'failover',
    shallow: 'waiting for what is in flight',
    shows: 'fail-over of one partition: rules 1 to 8 and 12',
    invariants: [
      'SingleWriter',
      'MonotoneTau',
      'AtMostOnce',
      'DurableAcknowledgement',
      'AbortIsFinal',
      'FirstCommitterWins',
      'FloorSound',
      'RealTime',
    ],
  },
  {
    name: 'visibility',
    shallow: 'asking every owner',
    shows: 'begin, vectors and reads over two journals: rules 8 and 12 to 14',
    invariants: ['CompleteSnapshot', 'Visible', 'RealTime', 'StrongReads', 'PromiseBounded'],
  },
]

/** One clause left out. */
export interface Mutant {
  readonly name: string
  readonly specification: string
  /** Must break. */
  readonly invariant: string
  readonly file: string
  readonly line: number
  readonly text: string
}

const files = ['rules.qnt', ...specifications.map(({ name }) => `${name}.qnt`)]
const linesOf = (file: string): string[] => readFileSync(join(import.meta.dirname, file), 'utf8').split('\n')
const planted = /^(\s*).*?\s*\/\/ without (.+?) \[(?:(\w+)\.)?(\w+)\]: (.*)$/

export function mutants(): Mutant[] {
  const found: Mutant[] = []
  for (const file of files) {
    for (const [line, text] of linesOf(file).entries()) {
      const [, indent = '', name, where = file.replace('.qnt', ''), invariant, instead = ''] = planted.exec(text) ?? []
      if (name === undefined || invariant === undefined || name === 'NAME') continue
      found.push({ name, specification: where, invariant, file, line, text: `${indent}${instead}` })
    }
  }
  return found
}

/** Quint's own program, as npm installed it. */
export const quint = join(
  dirname(createRequire(import.meta.url).resolve('@informalsystems/quint/package.json')),
  'dist/src/cli.js',
)

/** Calls `use` with the directory that holds the specifications, one of them with a clause left out. */
export function withText<Result>(mutant: Mutant | undefined, use: (directory: string) => Result): Result {
  const directory = mkdtempSync(join(tmpdir(), 'taudb-specification-'))
  try {
    for (const file of files) {
      const lines = linesOf(file)
      if (mutant?.file === file) lines[mutant.line] = mutant.text
      writeFileSync(join(directory, file), lines.join('\n'))
    }
    return use(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Parsed and type-checked by Quint. */
export function moduleOf(name: string, mutant?: Mutant): Module {
  return withText(mutant, (directory) => {
    const out = join(directory, 'compiled.json')
    const said = openSync(out, 'w')
    // Into a file, because Quint ends before a pipe has taken all of it.
    const { status } = spawnSync(process.execPath, [quint, 'compile', '--target', 'json', join(directory, `${name}.qnt`)], {
      stdio: ['ignore', said, 'inherit'],
    })
    closeSync(said)
    if (status !== 0) throw new Error(`Quint refuses ${name}.qnt${mutant === undefined ? '' : ` without ${mutant.name}`}`)
    const { modules, main } = JSON.parse(readFileSync(out, 'utf8')) as {
      readonly modules: readonly Module[]
      readonly main: string
    }
    const found = modules.find((one) => one.name === main)
    if (found === undefined) throw new Error(`Quint says nothing about ${main}`)
    return found
  })
}

export function machineOf(name: string, mutant?: Mutant): Machine {
  return new Compiler(moduleOf(name, mutant)).machine()
}

/** The guards as they are written, before anything is flattened. */
export function rulesModule(): Module {
  return withText(undefined, (directory) => {
    const out = join(directory, 'parsed.json')
    const { status } = spawnSync(process.execPath, [quint, 'parse', '--out', out, join(directory, 'rules.qnt')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    if (status !== 0) throw new Error('Quint refuses rules.qnt')
    const { modules } = JSON.parse(readFileSync(out, 'utf8')) as { readonly modules: readonly [Module] }
    return modules[0]
  })
}
