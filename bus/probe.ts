import { connect } from 'node:net'

const answerMsMax = 3_000
/** SSLRequest of the PostgreSQL protocol: the shortest question that a server answers, with S or N. */
const question = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/** Whether a PostgreSQL server talks there. */
export function isAnswered(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    const settle = (answers: boolean) => (): void => {
      socket.destroy()
      resolve(answers)
    }
    socket.setTimeout(answerMsMax, settle(false))
    socket.once('error', settle(false))
    socket.once('connect', () => socket.write(question))
    socket.once('data', (bytes) => settle(bytes[0] === 0x53 || bytes[0] === 0x4e)())
  })
}
