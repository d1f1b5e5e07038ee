import type { IncomingHttpHeaders } from 'node:http'

/** A request of an HTTP client. */
export interface ClientRequest {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  /** In addition to those of the configuration, which win. */
  readonly headers?: Readonly<Record<string, string>>
  /** Must not change until the request settles, and is not read afterwards. */
  readonly body?: Uint8Array
  /** Time until the response is complete, ms. */
  readonly timeoutMs: number
  /** Maximum size of the response's body after decompression, bytes. */
  readonly maxBytes: number
  /** Whether a longer body is cut off there, instead of a failure; it is empty if it is coded. */
  readonly truncate?: boolean
  readonly signal?: AbortSignal
  /**
   * Called before memory for the response's body is allocated, with the bytes in addition to those
   * before. If it returns false, the request fails (`too_large`). The caller counts them as free
   * when it has used the body, or the request has failed.
   */
  readonly reserve?: (bytes: number) => boolean
}

export interface ClientResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Decompressed. */
  readonly body: Buffer
}

/** Why there is no response. `kind` is stable, for counters; the message is one line for people. */
export interface ClientFailure extends Error {
  readonly kind:
    | 'timeout'
    | 'connect'
    | 'tls'
    | 'closed'
    | 'too_large'
    | 'encoding'
    | 'aborted'
    | 'config'
}

/**
 * Sends requests with the credentials, TLS settings, proxy and headers of one configuration
 * (Prometheus's HTTP client configuration). Connections are kept alive and reused.
 */
export interface HttpClient {
  /**
   * Any status is a response. Redirects are followed if the configuration allows it; those of a
   * POST that ask for a GET (301, 302, 303) are responses, because its body would not arrive.
   * Files of credentials are read again when they have changed.
   *
   * @throws ClientFailure
   */
  request(request: ClientRequest): Promise<ClientResponse>
  /** Closes the connections. */
  close(): void
}
