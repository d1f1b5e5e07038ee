import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createHttpClient, type HttpClientOptions } from '../../../../shared/http/client/client.js'
import { httpClientConfig } from '../../../../shared/http/client/schema.js'
import type {
  ClientRequest,
  ClientResponse,
  HttpClient,
} from '../../../../shared/http/client/types.js'

/** A server for one test, on a port of 127.0.0.1. */
export class Peer {
  readonly requests: IncomingMessage[] = []
  readonly sockets = new Set<Socket>()
  connections = 0

  private constructor(
    readonly server: Server,
    private readonly scheme: string,
  ) {
    server.on('connection', socket => {
      this.connections++
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
    })
    server.on('request', request => this.requests.push(request))
  }

  static async start(listener: RequestListener, tls?: ServerOptions): Promise<Peer> {
    const server = tls ? createSecureServer(tls, listener) : createServer(listener)
    const peer = new Peer(server, tls ? 'https' : 'http')
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return peer
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  url(path = '/metrics'): URL {
    return new URL(`${this.scheme}://127.0.0.1:${this.port}${path}`)
  }

  stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    return new Promise(resolve => this.server.close(() => resolve()))
  }
}

/** A client with a configuration as in YAML. */
export const clientOf = (
  config: unknown = {},
  options: Partial<HttpClientOptions> = {},
): HttpClient =>
  createHttpClient({ userAgent: 'test/1', ...options, config: httpClientConfig.parse(config) })

/** Sends a GET with generous limits. */
export const get = (
  client: HttpClient,
  url: URL,
  request: Partial<ClientRequest> = {},
): Promise<ClientResponse> =>
  client.request({ method: 'GET', url, timeoutMs: 30_000, maxBytes: 1 << 20, ...request })
