/** `taudb move`: has a running server give places of one partition to another, and says what came of it. */
import { askServer, NoAnswer } from '../bus/sql-question.ts'
import type { Command } from './command.ts'

/** Longer than the server itself goes on trying. */
const answerMsMax = 60_000

/** The exit code: 0 where the new partition has the places. */
export async function movePlaces({ server, move }: Command & { kind: 'move' }, print: (line: string) => void): Promise<number> {
  const { from, to, first, last } = move
  const sql = `call sys.move_range(${from}, ${to}, ${first}, ${last})`
  print(`places ${first} to ${last}: partition ${from} gives them to partition ${to}`)
  try {
    await askServer({ ...server, applicationName: 'taudb move', sql, answerMsMax })
    print(`places ${first} to ${last}: partition ${to} has them`)
    return 0
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    process.stderr.write(`taudb: ${error.message}\n`)
    return 1
  }
}
