import { compressSync } from 'snappy'
import { encodeV2 } from './remote-write-schema.js'

/** Senders wait this long for an answer, ms. */
const TIMEOUT_MS = 15_000
const SERIES = 3

/**
 * Writes samples by remote write as Prometheus does: each shard sends one request after the other,
 * repeats what is answered with 5xx or not at all, at the next gateway, and drops the rest.
 */
export class SteadyWriter {
  /** `series value` of each acknowledged sample. */
  readonly acknowledged: string[] = []
  readonly dropped: string[] = []
  readonly statuses = new Map<number, number>()
  /** Requests that had no answer. */
  unanswered = 0
  /** Samples in order: the number of each is its value and its time. */
  #next = 0
  #stopping = false
  readonly #running: Promise<unknown>

  /** @param urls the gateways, in turn; may change */
  constructor(
    private readonly urls: readonly string[],
    shards: number,
  ) {
    this.#running = Promise.all(Array.from({ length: shards }, (_, shard) => this.#run(shard)))
    this.#running.catch(() => {}) // `stop` throws it.
  }

  /** Ends when every request that was begun is acknowledged or dropped. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
  }

  async #run(shard: number): Promise<void> {
    for (let n = 1; !this.#stopping; n++) {
      const names = Array.from({ length: SERIES }, (_, i) => `s${i}`)
      const symbols = ['', '__name__', 'job', `shard-${shard}`, ...names, 'instance']
      const timestamp = 1_700_000_000_000 + n
      const body = compressSync(
        encodeV2({
          symbols,
          // Of different targets, so that a request is in several partitions.
          timeseries: names.map((_, i) => ({
            labelsRefs: [1, 4 + i, 4 + SERIES, 4 + i, 2, 3],
            samples: [{ value: n, timestamp }],
          })),
        }),
      )
      const samples = names.map(name => `shard-${shard} ${name} ${timestamp}`)
      const target = (await this.#send(body)) ? this.acknowledged : this.dropped
      target.push(...samples)
    }
  }

  /** @returns whether it was acknowledged */
  async #send(body: Buffer): Promise<boolean> {
    for (;;) {
      const status = await this.#attempt(body)
      if (status === 0) this.unanswered++
      else this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
      if (status > 0 && status < 500) return status === 204
      await new Promise(resolve => setTimeout(resolve, 30))
    }
  }

  async #attempt(body: Buffer): Promise<number> {
    const url = this.urls[this.#next++ % this.urls.length]
    try {
      const response = await fetch(`${url}/api/v1/write`, {
        method: 'POST',
        body: new Uint8Array(body),
        headers: {
          'Content-Encoding': 'snappy',
          'Content-Type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
        },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      await response.arrayBuffer()
      return response.status
    } catch {
      return 0
    }
  }
}
