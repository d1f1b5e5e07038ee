import { request as requestHttp } from 'node:http'
import { type AgentOptions, Agent as HttpsAgent, request as requestHttps } from 'node:https'
import type { Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { HttpClientError } from './failure.js'

/** Time until a proxy answers a CONNECT request, ms. */
const CONNECT_TIMEOUT_MS = 30_000

export interface HttpProxy {
  readonly url: URL
  /** Headers of CONNECT requests, credentials of the URL included. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** TLS settings of the connection to a proxy with the scheme https. */
  readonly tls: ConnectionOptions
}

/** Connects by way of a proxy (RFC 9110, section 9.3.6). */
export class TunnelAgent extends HttpsAgent {
  readonly #proxy: HttpProxy
  readonly #connecting = new Set<{ destroy(): void }>()

  constructor(proxy: HttpProxy, options: AgentOptions) {
    super(options)
    this.#proxy = proxy
  }

  override createConnection(
    options: ConnectionOptions & { readonly host?: string; readonly port?: number | string },
    callback?: (error: Error | null, socket: Socket) => void,
  ): null {
    const { url, headers, tls } = this.#proxy
    const host = options.host?.includes(':') ? `[${options.host}]` : options.host
    const authority = `${host}:${options.port}`
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    const fail = (error: Error) => {
      this.#connecting.delete(connect)
      callback?.(error, undefined as unknown as Socket)
    }
    const connect = send({
      ...(url.protocol === 'https:' ? tls : {}),
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port || (url.protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...(headers as Record<string, string | string[]>) },
      agent: false,
      timeout: CONNECT_TIMEOUT_MS,
    })
    connect.on('timeout', () =>
      connect.destroy(new HttpClientError('connect', `the proxy ${url.host} does not answer`)),
    )
    this.#connecting.add(connect)
    connect.on('error', fail)
    connect.on('response', response => {
      response.destroy()
      fail(new HttpClientError('connect', `the proxy ${url.host} answers ${response.statusCode}`))
    })
    connect.on('connect', (response, socket) => {
      if (response.statusCode !== 200) {
        socket.destroy()
        fail(new HttpClientError('connect', `the proxy ${url.host} answers ${response.statusCode}`))
        return
      }
      this.#connecting.delete(connect)
      callback?.(null, connectTls({ ...options, socket, path: undefined } as ConnectionOptions))
    })
    connect.end()
    return null
  }

  override destroy(): void {
    for (const connect of this.#connecting) connect.destroy()
    super.destroy()
  }
}
