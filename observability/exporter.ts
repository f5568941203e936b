import { gzipSync } from 'node:zlib'
import type { CollectedSpan } from './collector.ts'
import type { ExportSettings } from './otel-environment.ts'
import { encodeTraces } from './otlp.ts'

/** What the exporter needs of the world. */
export interface ExporterNeeds {
  after(delayMs: number, action: () => void): { cancel(): void }
  post(request: PostRequest): Promise<PostAnswer>
  /** Hears in one line that spans were lost, not for every one of them. */
  warn(line: string): void
}

export interface PostRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly timeoutMs: number
}

export interface PostAnswer {
  readonly status: number
  readonly retryAfterSeconds: number | undefined
}

const attemptsMax = 5
const backOffMs = 1_000
const backOffMsMax = 30_000
const closeMsMax = 2_000
/** OTLP/HTTP: these and a broken connection are worth another attempt. */
const passing: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Sends ended spans in batches over OTLP/HTTP. What does not fit into the queue, or is refused, is counted and dropped: nobody waits for a collector. */
export class Exporter {
  sent = 0
  dropped = 0
  private readonly settings: ExportSettings
  private readonly version: string
  private readonly needs: ExporterNeeds
  private queue: CollectedSpan[] = []
  private timer: { cancel(): void } | undefined
  private sending: Promise<void> | undefined
  private isClosing = false
  private hasWarned = false

  constructor(settings: ExportSettings, version: string, needs: ExporterNeeds) {
    this.settings = settings
    this.version = version
    this.needs = needs
  }

  add(span: CollectedSpan): void {
    const { queueMax, batchMax, delayMs } = this.settings
    if (this.queue.length >= queueMax) {
      this.dropped++
      return
    }
    this.queue.push(span)
    if (this.queue.length >= batchMax) this.flush()
    else this.timer ??= this.needs.after(delayMs, () => this.flush())
  }

  /** Sends what waits, once, and gives up on what does not go through. */
  async close(): Promise<void> {
    this.isClosing = true
    this.flush()
    await Promise.race([this.sending, this.wait(closeMsMax)])
  }

  private wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.needs.after(delayMs, resolve))
  }

  private flush(): void {
    this.timer?.cancel()
    this.timer = undefined
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined
      if (this.queue.length > 0) this.timer ??= this.needs.after(this.settings.delayMs, () => this.flush())
    })
  }

  private async sendAll(): Promise<void> {
    while (this.queue.length > 0) {
      const batch = this.queue.splice(0, this.settings.batchMax)
      if (await this.send(batch)) this.sent += batch.length
      else this.dropped += batch.length
    }
  }

  private async send(batch: readonly CollectedSpan[]): Promise<boolean> {
    const { url, headers, timeoutMs, isCompressed, resource } = this.settings
    const plain = encodeTraces(batch, resource, this.version)
    const request: PostRequest = {
      url,
      headers: {
        ...headers,
        'content-type': 'application/x-protobuf',
        ...(isCompressed && { 'content-encoding': 'gzip' }),
      },
      body: isCompressed ? gzipSync(plain) : plain,
      timeoutMs,
    }
    let why = ''
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      let delayMs = Math.min(backOffMs * 2 ** (attempt - 1), backOffMsMax)
      try {
        const { status, retryAfterSeconds } = await this.needs.post(request)
        if (status >= 200 && status < 300) return true
        why = `answered ${status}`
        if (!passing.has(status)) break
        if (retryAfterSeconds !== undefined) delayMs = Math.min(retryAfterSeconds * 1_000, backOffMsMax)
      } catch (error) {
        why = error instanceof Error ? error.message : String(error)
      }
      if (this.isClosing) break
      if (attempt < attemptsMax) await this.wait(delayMs)
    }
    if (!this.hasWarned) this.needs.warn(`traces are lost: ${url} ${why}`)
    this.hasWarned = true
    return false
  }
}
