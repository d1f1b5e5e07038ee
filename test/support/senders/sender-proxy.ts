import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/**
 * A proxy between one sender and gateways, which can hold the requests of one connection, or refuse
 * all. A request whose gateway does not answer is answered with 502: the sender sends it again.
 */
export class SenderProxy {
  /** Requests that were held, and requests that were refused. */
  held = 0
  refused = 0
  #gateways: readonly URL[] = []
  #next = 0
  #isCut = false
  /** The connection whose requests are held; undefined while none is, null until one has a request. */
  #holding: Socket | null | undefined
  #waiting: (() => void)[] = []

  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  static async start(): Promise<SenderProxy> {
    const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0 })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const proxy = new SenderProxy(`http://127.0.0.1:${port}/api/v1/write`, server)
    server.on('request', (incoming, outgoing) => proxy.#handle(incoming, outgoing))
    return proxy
  }

  /** @param urls of the gateways that requests are distributed to, as a load balancer does */
  setGateways(urls: readonly string[]): void {
    this.#gateways = urls.map(url => new URL(url))
  }

  /** Holds all requests of the connection that has the next request, until `release`. */
  hold(): void {
    this.#holding = null
  }

  release(): void {
    this.#holding = undefined
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Closes all connections, and each new one, until `restore`. */
  cut(): void {
    this.#isCut = true
    this.server.closeAllConnections()
  }

  restore(): void {
    this.#isCut = false
  }

  async stop(): Promise<void> {
    this.release()
    this.server.closeAllConnections()
    await new Promise(resolve => this.server.close(resolve))
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    if (this.#isCut) {
      this.refused++
      incoming.socket.destroy()
      return
    }
    const chunks: Buffer[] = []
    try {
      for await (const chunk of incoming) chunks.push(chunk)
    } catch {
      return
    }
    if (this.#holding === null) this.#holding = incoming.socket
    if (this.#holding === incoming.socket) {
      this.held++
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
    this.#forward(incoming, Buffer.concat(chunks), outgoing)
  }

  #forward({ headers, method, url }: IncomingMessage, body: Buffer, outgoing: ServerResponse) {
    const gateway = this.#gateways[this.#next++ % this.#gateways.length]!
    const { connection: _, ...forwarded } = headers
    const sent = request({
      host: gateway.hostname,
      port: gateway.port,
      method,
      path: url,
      headers: { ...forwarded, 'content-length': body.length },
    })
    sent.on('response', response => {
      const { connection: _, 'transfer-encoding': __, ...answered } = response.headers
      outgoing.writeHead(response.statusCode!, answered)
      response.pipe(outgoing)
    })
    sent.on('error', () => {
      if (outgoing.headersSent) outgoing.destroy()
      else outgoing.writeHead(502).end()
    })
    sent.end(body)
  }
}
