import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { Backend } from './load-balancer/backend.js'
import { isFree } from './ports.js'

/** Headers of one connection, which a proxy does not forward (RFC 9110, section 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'proxy-connection',
  'upgrade',
  'te',
])

/**
 * The one stable address in front of all shards on this machine, in place of a Kubernetes Service
 * or a load balancer.
 *
 * Requests are distributed round robin, with ready shards first. A GET request is retried on the
 * next shard if its shard is unreachable or dies before it responds. Redirects are passed to the
 * client.
 */
export class LoadBalancer {
  readonly url: string
  readonly #server: Server
  #backends: Backend[] = []
  #next = 0

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (incoming, outgoing) => this.#handle(incoming, outgoing))
  }

  /** Listens on the preferred port, or on any free port if it is in use. */
  static async start(preferred = 0): Promise<LoadBalancer> {
    // Long label values make long URLs. Prometheus keeps connections open between scrapes.
    const server = createServer({
      maxHeaderSize: 64 * 1024,
      keepAliveTimeout: 75_000,
      requestTimeout: 0,
    })
    const port = (await isFree(preferred)) ? preferred : 0
    server.listen({ port, host: '127.0.0.1' })
    try {
      await once(server, 'listening')
    } catch (error) {
      if (preferred === 0) throw error
      return LoadBalancer.start()
    }
    return new LoadBalancer(server)
  }

  /** Sets the URLs of the shards. */
  setBackends(urls: readonly string[]): void {
    const known = new Map(this.#backends.map(backend => [backend.url.href, backend]))
    this.#backends = urls.map(url => {
      const { href } = new URL(url)
      const backend = known.get(href) ?? new Backend(new URL(url))
      if (!known.delete(href)) backend.start()
      return backend
    })
    for (const removed of known.values()) removed.stop()
  }

  async stop(): Promise<void> {
    this.setBackends([])
    this.#server.close()
    this.#server.closeAllConnections()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const isRepeatable = incoming.method === 'GET' || incoming.method === 'HEAD'
    const problems: string[] = []
    for (const backend of this.#inOrder()) {
      const problem = await forward(backend, incoming, outgoing)
      if (problem === null || outgoing.destroyed) return
      problems.push(`${backend.url.host}: ${problem}`)
      if (!isRepeatable) break
    }
    const reason = problems.length ? problems.join('; ') : 'no shard is configured'
    outgoing.writeHead(503, { 'content-type': 'text/plain; charset=utf-8' })
    outgoing.end(`no exposer shard responds (${reason})\n`)
  }

  #inOrder(): Backend[] {
    const first = this.#next++
    const n = this.#backends.length
    const rotated = this.#backends.map((_, i) => this.#backends[(first + i) % n])
    return (['ready', 'unready', 'dead'] as const).flatMap(health =>
      rotated.filter(b => b.health === health),
    )
  }
}

/**
 * @returns null if the shard responded or the client disconnected, else why the shard did not
 *   respond
 */
function forward(
  backend: Backend,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<string | null> {
  return new Promise(resolve => {
    const headers = Object.fromEntries(
      Object.entries(incoming.headers).filter(([name]) => !HOP_BY_HOP.has(name)),
    )
    const sent = request({
      agent: backend.agent,
      host: backend.url.hostname,
      port: backend.url.port,
      method: incoming.method,
      path: incoming.url,
      headers,
    })
    const unsubscribe = backend.onDeath(() => sent.destroy(new Error('it no longer responds')))
    const onDisconnect = () => sent.destroy()
    const settle = (result: string | null) => {
      unsubscribe()
      outgoing.off('close', onDisconnect)
      resolve(result)
    }
    outgoing.once('close', onDisconnect)
    sent.once('response', response => {
      unsubscribe()
      copyResponse(response, outgoing, () => settle(null))
    })
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') backend.setHealth('dead')
      settle(outgoing.destroyed ? null : error.message)
    })
    if (incoming.method === 'GET' || incoming.method === 'HEAD') sent.end()
    else incoming.pipe(sent)
  })
}

function copyResponse(response: IncomingMessage, outgoing: ServerResponse, done: () => void): void {
  const headers = Object.entries(response.headers).filter(([name]) => !HOP_BY_HOP.has(name))
  outgoing.writeHead(response.statusCode!, Object.fromEntries(headers))
  response.pipe(outgoing)
  // A truncated response must not look complete to the client.
  response.once('close', () => {
    if (!response.complete) outgoing.destroy()
    done()
  })
}
