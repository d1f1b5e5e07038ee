import { STATUS_CODES } from 'node:http'
import type { ClientFailure, HttpClient } from '../../../shared/http/client/types.js'
import type { ScrapeJob } from '../config/job.js'
import { acceptHeader } from '../config/protocols.js'
import { redacted } from '../redacted.js'
import type { ScrapeTarget } from './address.js'
import { type BodyFormat, formatOf } from './media-type.js'

export interface Page {
  readonly body: Buffer
  readonly format: BodyFormat
}

/** Requests the page of one target. */
export class Scraper {
  readonly #headers: Readonly<Record<string, string>>
  readonly #maxBytes: number

  constructor(
    private readonly target: ScrapeTarget,
    private readonly job: ScrapeJob,
    private readonly client: HttpClient,
    maxBodyBytes: number,
  ) {
    this.#headers = {
      accept: acceptHeader(job.protocols, job.escaping),
      'accept-encoding': job.compression ? 'gzip' : 'identity',
      'x-prometheus-scrape-timeout-seconds': String(target.timeoutMs / 1000),
    }
    // As in Prometheus, a body of exactly the limit exceeds it.
    this.#maxBytes = Math.min(
      job.limits.body > 0 ? job.limits.body - 1 : maxBodyBytes,
      maxBodyBytes,
    )
  }

  /** @throws Error whose message is what Prometheus says, in one line */
  async scrape(
    timeoutMs: number,
    signal: AbortSignal,
    reserve: (bytes: number) => boolean,
  ): Promise<Page> {
    const { url } = this.target
    const response = await this.client
      .request({
        method: 'GET',
        url,
        headers: this.#headers,
        timeoutMs,
        maxBytes: this.#maxBytes,
        signal,
        reserve,
      })
      .catch((failure: ClientFailure) => {
        throw new Error(
          failure.kind === 'too_large' || failure.kind === 'encoding'
            ? failure.message
            : `Get ${JSON.stringify(redacted(url))}: ${failure.message}`,
        )
      })
    const { status, headers, body } = response
    if (status !== 200)
      throw new Error(
        `server returned HTTP status ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd(),
      )
    const read = formatOf(headers['content-type'], this.job.fallbackProtocol)
    if ('failure' in read) throw new Error(read.failure)
    return { body, format: read.format }
  }
}
