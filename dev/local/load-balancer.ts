import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Backend } from './load-balancer/backend.js'
import { isFree } from './ports.js'

/** Those of one connection, not of the message. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'proxy-connection',
  'upgrade',
  'te',
])

/**
 * The one stable address in front of all shards, for one machine: what a Kubernetes Service or a balancer is elsewhere.
 *
 * A request goes to the shards in turn, to the ready ones first. A GET whose shard cannot be reached, or dies before it
 * answers, goes to the next. Redirects are passed through: the owner is asked directly.
 */
export class LoadBalancer {
  readonly url: string
  readonly #server: Server
  #backends: Backend[] = []
  #turn = 0

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (incoming, outgoing) => this.#answer(incoming, outgoing))
  }

  /** Listens on the preferred port, or on any other when that is taken. */
  static async start(preferred = 0): Promise<LoadBalancer> {
    // Long label values make long URLs; Prometheus keeps connections between scrapes.
    const server = createServer({ maxHeaderSize: 64 * 1024, keepAliveTimeout: 75_000, requestTimeout: 0 })
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

  /** The shards' own addresses. */
  serve(urls: readonly string[]): void {
    const known = new Map(this.#backends.map(backend => [backend.url.href, backend]))
    this.#backends = urls.map(url => {
      const { href } = new URL(url)
      const backend = known.get(href) ?? new Backend(new URL(url))
      if (!known.delete(href)) backend.start()
      return backend
    })
    for (const gone of known.values()) gone.stop()
  }

  async stop(): Promise<void> {
    this.serve([])
    this.#server.close()
    this.#server.closeAllConnections()
    if (this.#server.listening) await once(this.#server, 'close')
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const repeatable = incoming.method === 'GET' || incoming.method === 'HEAD'
    const problems: string[] = []
    for (const backend of this.#inTurn()) {
      const problem = await forward(backend, incoming, outgoing)
      if (problem === null || outgoing.destroyed) return
      problems.push(`${backend.url.host}: ${problem}`)
      if (!repeatable) break
    }
    const reason = problems.length ? problems.join('; ') : 'there are none'
    outgoing.writeHead(503, { 'content-type': 'text/plain; charset=utf-8' })
    outgoing.end(`no exposer shard answers (${reason})\n`)
  }

  #inTurn(): Backend[] {
    const first = this.#turn++
    const n = this.#backends.length
    const turns = this.#backends.map((_, i) => this.#backends[(first + i) % n])
    return (['ready', 'unready', 'dead'] as const).flatMap(health => turns.filter(b => b.health === health))
  }
}

/** Null when the shard answered, or the client went away; else why it did not answer. */
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
    const stopWaiting = backend.wait(() => sent.destroy(new Error('it does not answer any more')))
    const clientGone = () => sent.destroy()
    const settle = (result: string | null) => {
      stopWaiting()
      outgoing.off('close', clientGone)
      resolve(result)
    }
    outgoing.once('close', clientGone)
    sent.once('response', answer => {
      stopWaiting()
      passOn(answer, outgoing, () => settle(null))
    })
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') backend.is('dead')
      settle(outgoing.destroyed ? null : error.message)
    })
    if (incoming.method === 'GET' || incoming.method === 'HEAD') sent.end()
    else incoming.pipe(sent)
  })
}

function passOn(answer: IncomingMessage, outgoing: ServerResponse, done: () => void): void {
  const headers = Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name))
  outgoing.writeHead(answer.statusCode!, Object.fromEntries(headers))
  answer.pipe(outgoing)
  // An answer that breaks off must not look whole.
  answer.once('close', () => {
    if (!answer.complete) outgoing.destroy()
    done()
  })
}
