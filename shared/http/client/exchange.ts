import {
  type Agent,
  type IncomingMessage,
  type ClientRequest as Outgoing,
  type RequestOptions,
  request as requestHttp,
} from 'node:http'
import { request as requestHttps } from 'node:https'
import { failureOf, HttpClientError } from './failure.js'
import { BodyCollector, decodedBody } from './response-body.js'
import type { ClientResponse } from './types.js'

/** One request on one connection. */
export interface Exchange {
  /** The server, or the proxy of a request without a tunnel. */
  readonly peer: URL
  /** By default that of `peer`. */
  readonly path: string | undefined
  readonly agent: Agent
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly body: Uint8Array | undefined
  /** Monotonic ms. */
  readonly deadline: number
  readonly maxBytes: number
  readonly truncate: boolean
  readonly signal: AbortSignal | undefined
  /** Asked before memory for the body is allocated. */
  readonly reserve: (bytes: number) => boolean
  /** Whether the body of a response is of no use. If it is long, it is not read. */
  readonly discards: (incoming: IncomingMessage) => boolean
}

/** Bodies of no use that are read all the same, so that their connection can be used again. */
const MAX_DISCARDED_BYTES = 2048

/**
 * Sends one request. Repeats it if it is a GET and the server closed the idle connection on which it
 * was sent.
 *
 * @throws HttpClientError
 */
export async function exchange(request: Exchange): Promise<ClientResponse> {
  const connection = { isReused: false }
  try {
    return await attempt(request, connection)
  } catch (error) {
    const failure = failureOf(error as Error)
    const repeat = connection.isReused && request.method === 'GET' && failure.kind === 'closed'
    if (!repeat || performance.now() >= request.deadline) throw failure
    return attempt(request, connection)
  }
}

function attempt(exchange: Exchange, connection: { isReused: boolean }): Promise<ClientResponse> {
  const { peer, path, agent, method, headers, body, deadline, signal, discards } = exchange
  return new Promise((resolve, reject) => {
    let outgoing: Outgoing | undefined
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    const fail = (error: Error) => {
      end()
      reject(failureOf(error))
      outgoing?.destroy()
    }
    const onAbort = () => fail(new HttpClientError('aborted', 'context canceled'))
    const timer = setTimeout(
      () => fail(new HttpClientError('timeout', 'context deadline exceeded')),
      Math.max(0, deadline - performance.now()),
    )
    if (signal?.aborted) return onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    const onResponse = (incoming: IncomingMessage) => {
      const length = Number(incoming.headers['content-length'] ?? Number.POSITIVE_INFINITY)
      if (length > MAX_DISCARDED_BYTES && discards(incoming)) {
        end()
        resolve({
          status: incoming.statusCode!,
          headers: incoming.headers,
          body: Buffer.alloc(0),
        })
        incoming.on('error', () => {})
        outgoing!.destroy()
        return
      }
      readBody(incoming, exchange).then(read => {
        end()
        // What of the body is not sent yet would be read later, when the caller may have changed it.
        if (!outgoing!.writableFinished) outgoing!.destroy()
        resolve({ status: incoming.statusCode!, headers: incoming.headers, body: read })
      }, fail)
    }
    try {
      const options: RequestOptions = { method, headers, agent, ...(path && { path }) }
      outgoing =
        peer.protocol === 'https:'
          ? requestHttps(peer, options, onResponse)
          : requestHttp(peer, options, onResponse)
    } catch (error) {
      return fail(new HttpClientError('config', (error as Error).message))
    }
    outgoing.on('error', error => {
      connection.isReused = outgoing!.reusedSocket
      fail(error)
    })
    outgoing.end(body)
  })
}

function readBody(
  incoming: IncomingMessage,
  { maxBytes, truncate, reserve }: Exchange,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const collector = new BodyCollector(maxBytes, reserve)
    incoming.on('data', (chunk: Buffer) => {
      try {
        collector.add(chunk)
      } catch (error) {
        if (!truncate) return reject(error)
        collector.add(chunk.subarray(0, maxBytes - collector.body.length))
        resolve(incoming.headers['content-encoding'] ? Buffer.alloc(0) : collector.body)
        incoming.destroy()
      }
    })
    incoming.on('error', () => reject(new HttpClientError('closed', 'unexpected EOF')))
    incoming.on('end', () =>
      decodedBody(incoming, collector.body, maxBytes, reserve).then(resolve, error =>
        truncate ? resolve(Buffer.alloc(0)) : reject(error),
      ),
    )
  })
}
