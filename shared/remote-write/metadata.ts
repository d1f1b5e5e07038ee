import type { WriteFigures } from './figures.js'
import type { RemoteOptions } from './manager.js'
import type { RequestSender } from './request-sender.js'
import type { FamilyMetadata } from './writer-1.js'

export type { FamilyMetadata }

export interface MetadataSenderOptions {
  readonly remote: RemoteOptions
  readonly sender: RequestSender
  readonly figures: WriteFigures
  families(): Iterable<FamilyMetadata>
}

/** Sends the metadata of all families at intervals, which protocol 1.0 has apart from the series. */
export class MetadataSender {
  #timer: NodeJS.Timeout | undefined
  #sending = false

  constructor(private readonly options: MetadataSenderOptions) {}

  start(): void {
    const { metadataIntervalMs } = this.options.remote
    if (metadataIntervalMs === 0) return
    this.#timer = setInterval(() => void this.#send(), metadataIntervalMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #send(): Promise<void> {
    const { sender, families, remote, figures } = this.options
    // A receiver that does not answer gets no further request.
    if (this.#sending || sender.protocol !== '1.0' || figures.lastError !== '') return
    this.#sending = true
    try {
      const seen = new Set<string>()
      let batch: FamilyMetadata[] = []
      const flush = async () => {
        const full = batch
        batch = []
        const stored = await sender.sendOnce(writer => {
          for (const family of full) writer.addMetadata(family)
        })
        if (stored) figures.metadata += full.length
        return stored
      }
      for (const family of families()) {
        if (seen.has(family.name)) continue
        seen.add(family.name)
        batch.push(family)
        if (batch.length >= remote.queue.maxSamplesPerSend && !(await flush())) return
      }
      if (batch.length > 0) await flush()
    } catch {
      // The sender was stopped.
    } finally {
      this.#sending = false
    }
  }
}
