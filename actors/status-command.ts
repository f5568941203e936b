/** `taudb status [--watch | --here]`: asks the processes of a database who they are, and prints it. */
import { openSurvey } from '../bus/nats-survey.ts'
import { isAnswered } from '../bus/probe.ts'
import { processName, realClock } from '../bus/real-world.ts'
import { explained, natsOptions } from './cluster.ts'
import type { Config } from './config.ts'
import { statusOf } from './status.ts'

type Print = (line: string) => void

const refreshMs = 2_000
const clearScreen = '\u001b[H\u001b[2J'

/** The exit code: 0 where everything is there, 1 where something is missing. With `--watch` it goes on until it is interrupted. */
export async function showStatus(config: Config, print: Print): Promise<number> {
  const { bus: servers, watch, here } = config
  const [machine] = processName().split(':')
  if (servers === undefined) return await probe(config, print)
  try {
    const survey = await openSurvey({ ...natsOptions(servers, config), inbox: 'operator' }, realClock)
    try {
      for (;;) {
        const seen = await survey.look()
        if (here) {
          const mine = seen.present.filter(({ process }) => process.startsWith(`${machine}:`))
          for (const { process, roles, serves } of mine) print(`${process} ${serves ? 'serves' : 'starts'}: ${roles.join(', ')}`)
          return mine.length > 0 && mine.every(({ serves }) => serves) ? 0 : 1
        }
        const { lines, missing } = statusOf(seen)
        const shown = [...lines, ...(missing.length === 0 ? [] : ['', ...missing.map((line) => `missing: ${line}`)])]
        print(`${watch ? clearScreen : ''}${shown.join('\n')}`)
        if (!watch) return missing.length === 0 ? 0 : 1
        await realClock.sleep(refreshMs)
      }
    } finally {
      await survey.close()
    }
  } catch (error) {
    throw explained(error, config)
  }
}

/** Without NATS there is one process: does it take clients? */
async function probe({ host, port }: Config, print: Print): Promise<number> {
  const answers = await isAnswered(host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host, port)
  print(answers ? `a server answers at ${host}:${port}` : `missing: no server answers at ${host}:${port}`)
  return answers ? 0 : 1
}
