import { Worker } from 'node:worker_threads'
import type { Thread } from './world.ts'

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

interface Waiting {
  resolve(answer: unknown): void
  reject(error: unknown): void
}

/** A thread of Node's. It keeps the process alive only while it has a question to answer. */
export function startThread(module: URL): Thread {
  const worker = new Worker(new URL(`./thread-main.${extension}`, import.meta.url), { workerData: module.href, execArgv: [] })
  const waiting: Waiting[] = []
  worker.unref()
  const failed = (error: unknown): void => {
    for (const { reject } of waiting.splice(0)) reject(error)
  }
  worker.on('message', (answer) => {
    waiting.shift()?.resolve(answer)
    if (waiting.length === 0) worker.unref()
  })
  worker.on('error', failed)
  worker.on('exit', () => failed(new Error('the thread has ended')))
  return {
    ask(question) {
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject })
        worker.ref()
        worker.postMessage(question)
      })
    },
    end: () => void worker.terminate(),
  }
}
