/** HTTP as traces need it: one request with a body, answered with a status. */

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
