/** HTTP as traces and metrics need it: one request with a body, answered with a status; one text to be fetched. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Request {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly timeoutMs: number
}

/** Rejects with one line when nobody answers in time. */
export async function post({
  url,
  headers,
  body,
  timeoutMs,
}: Request): Promise<{ status: number; retryAfterSeconds: number | undefined }> {
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const answer = await fetch(url, { method: 'POST', headers, body: Buffer.from(body), signal, redirect: 'error' })
    // Unread, it would keep the connection.
    await answer.arrayBuffer()
    const after = Number(answer.headers.get('retry-after') ?? Number.NaN)
    return { status: answer.status, retryAfterSeconds: Number.isFinite(after) ? after : undefined }
  } catch (error) {
    const { message, cause } = error as { message?: string; cause?: { message?: string; code?: string } }
    throw new Error(`does not answer: ${cause?.code ?? cause?.message ?? message ?? String(error)}`)
  }
}

export interface TextServer {
  /** Where it is. */
  readonly url: string
  close(): Promise<void>
}

/** Answers GET of one path with a text made at that moment. Rejects with Node's error when it cannot listen. */
export async function serveText(
  { host, port, path }: { readonly host: string; readonly port: number; readonly path: string },
  contentType: string,
  make: () => string,
): Promise<TextServer> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://here')
    if (pathname !== path) return void response.writeHead(404, { 'content-type': 'text/plain' }).end(`see ${path}\n`)
    if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405, { allow: 'GET' }).end()
    response.writeHead(200, { 'content-type': contentType }).end(make())
  })
  // Whoever connects and says nothing is not waited for.
  server.headersTimeout = 5_000
  server.maxConnections = 100
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  server.unref()
  const { port: given } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${given}${path}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
