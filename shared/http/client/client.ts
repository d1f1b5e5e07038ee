import type { ConnectionOptions } from 'node:tls'
import { Connections } from './connections.js'
import { exchange } from './exchange.js'
import { HttpClientError } from './failure.js'
import type { ProxyEnvironment } from './no-proxy.js'
import { OAuth2Client } from './oauth2-client.js'
import { ProxyChoice } from './proxy.js'
import { type HttpClientFields, NO_HTTP_CLIENT_FIELDS } from './schema.js'
import { type HeaderSource, headerSource, SecretFiles, tlsSource } from './settings.js'
import type { ClientRequest, ClientResponse, HttpClient } from './types.js'

export interface HttpClientOptions {
  /** Prometheus's HTTP client configuration. Default: none. */
  readonly config?: HttpClientFields
  /** Folder to which relative paths of the configuration refer. */
  readonly folder?: string
  /** Used if the configuration has `proxy_from_environment`. */
  readonly proxyEnvironment?: ProxyEnvironment
  /** Maximum number of connections to one host. Further requests wait for one. */
  readonly maxConnectionsPerHost?: number
  readonly userAgent: string
  /** Monotonic ms. */
  readonly mono?: () => number
}

const DEFAULT_CONNECTIONS_PER_HOST = 64
const MAX_REDIRECTS = 10
const REDIRECTS = { GET: [301, 302, 303, 307, 308], POST: [307, 308] }

type Headers = Record<string, string | string[]>

/** @see HttpClient */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  return new Client(options)
}

class Client implements HttpClient {
  readonly #fields: HttpClientFields
  readonly #userAgent: string
  readonly #connections: Connections
  readonly #proxy: ProxyChoice
  readonly #headers: HeaderSource
  readonly #tls: () => Promise<ConnectionOptions>
  readonly #oauth2: OAuth2Client | undefined
  #closed = false

  constructor(options: HttpClientOptions) {
    const { config = NO_HTTP_CLIENT_FIELDS, mono = () => performance.now() } = options
    const files = new SecretFiles(options.folder ?? '.', mono)
    this.#fields = config
    this.#userAgent = options.userAgent
    this.#connections = new Connections(
      options.maxConnectionsPerHost ?? DEFAULT_CONNECTIONS_PER_HOST,
    )
    this.#proxy = new ProxyChoice(config, options.proxyEnvironment ?? {})
    this.#headers = headerSource(config, files)
    this.#tls = tlsSource(config.tls_config, files)
    this.#oauth2 =
      config.oauth2 &&
      new OAuth2Client(config.oauth2, files, mono, oauth2Config =>
        createHttpClient({ ...options, config: oauth2Config }),
      )
  }

  async request(request: ClientRequest): Promise<ClientResponse> {
    if (this.#closed) throw new HttpClientError('aborted', 'the client is closed')
    const deadline = performance.now() + request.timeoutMs
    const tls = await this.#tls()
    this.#connections.useTls(tls)
    const configured = await this.#headers.headers()
    if (this.#oauth2) configured.authorization = await this.#oauth2.authorization()

    const { method, body } = request
    let { url } = request
    for (let redirects = 0; ; redirects++) {
      // Credentials are for the host that they were configured for.
      const headers = this.#requestHeaders(request, url.host === request.url.host, configured)
      if (body) headers['content-length'] = String(body.length)
      const proxy = this.#proxy.proxyOf(url, tls)
      const agent = this.#connections.agent(url, proxy)
      const { maxBytes, truncate = false, signal, reserve = () => true } = request
      const response = await exchange({
        ...{ agent, method, body, deadline, maxBytes, truncate, signal, reserve },
        discards: ({ statusCode = 0, headers: { location } }) =>
          this.#isFollowed(method, statusCode, location),
        ...(proxy && url.protocol === 'http:'
          ? {
              peer: proxy.url,
              path: url.href.replace(/#.*$/, ''),
              headers: { host: url.host, ...headers, ...(proxy.headers as Headers) },
            }
          : { peer: url, path: undefined, headers }),
      })
      const { location } = response.headers
      if (!this.#isFollowed(method, response.status, location)) return response
      if (redirects === MAX_REDIRECTS)
        throw new HttpClientError('closed', `stopped after ${MAX_REDIRECTS} redirects`)
      url = redirectTarget(location, url)
    }
  }

  close(): void {
    this.#closed = true
    this.#connections.close()
    this.#oauth2?.close()
  }

  /** A redirect that would make a GET of a POST is a response. */
  #isFollowed(
    method: 'GET' | 'POST',
    status: number,
    location: string | undefined,
  ): location is string {
    return this.#fields.follow_redirects && !!location && REDIRECTS[method].includes(status)
  }

  #requestHeaders(request: ClientRequest, isSameHost: boolean, configured: Headers): Headers {
    const own = Object.entries(request.headers ?? {}).map(([name, value]) => [
      name.toLowerCase(),
      value,
    ])
    const headers: Headers = {
      'user-agent': this.#userAgent,
      'accept-encoding': 'gzip',
      ...Object.fromEntries(own),
      ...(isSameHost ? configured : {}),
    }
    if (!isSameHost) {
      delete headers.authorization
      delete headers.cookie
    }
    return headers
  }
}

function redirectTarget(location: string, base: URL): URL {
  if (URL.canParse(location, base.href)) {
    const url = new URL(location, base)
    if (url.protocol === 'http:' || url.protocol === 'https:') return url
  }
  throw new HttpClientError('closed', 'the redirect has no valid URL')
}
