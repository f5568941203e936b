/** What a thread runs: the `answer` of the module it was started for, question by question. */
import { parentPort, workerData } from 'node:worker_threads'

const { answer } = (await import(workerData as string)) as { answer(question: unknown): unknown }
parentPort?.on('message', (question) => parentPort?.postMessage(answer(question)))
