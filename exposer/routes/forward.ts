import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Exchange } from '../../shared/http/exchange.js'
import { sayWhy } from '../../shared/http/say-why.js'
import type { PeerClient, PeerRequest } from '../group/peer-client.js'
import type { Services } from './services.js'

/** Marks a request that a shard forwards for a client. The receiver never forwards it again. */
export const HOP_HEADER = 'X-Exposer-Hop'

const REQUEST_HEADERS = ['accept', 'accept-encoding', 'user-agent']
const RESPONSE_HEADERS = [
  'content-type',
  'content-encoding',
  'content-length',
  'vary',
  'www-authenticate',
]
const MIN_TIMEOUT_MS = 100
/** The status of a shard that is no longer the owner. */
const MOVED = 307

/**
 * Forwards a request to another shard and streams its response to the client.
 *
 * @param deadline monotonic ms at which the response of the other shard must have begun
 * @param gone aborted when the client disconnects
 * @returns `moved`: the other shard redirected the request, because it no longer owns the
 *   partition; nothing was sent to the client
 */
export async function forward(
  ctx: Exchange,
  url: string,
  { deadline, gone }: { deadline: number; gone: AbortSignal },
  { peers, clock }: Pick<Services, 'peers' | 'clock'>,
): Promise<{ moved: boolean }> {
  const timeout = new AbortController()
  const left = Math.max(deadline - clock.now().mono, MIN_TIMEOUT_MS)
  const timer = setTimeout(() => timeout.abort(), left)
  let response: IncomingMessage
  try {
    response = await requestOwner(peers, url, {
      method: ctx.method,
      headers: {
        ...requestHeaders(ctx),
        'x-prometheus-scrape-timeout-seconds': String(left / 1000),
      },
      authorization: ctx.get('authorization') || undefined,
      signal: AbortSignal.any([gone, timeout.signal]),
    })
  } catch (error) {
    const shard = `shard ${originOf(url)} owns the partition of the target`
    if (timeout.signal.aborted) sayWhy(ctx, 504, `${shard} and does not answer in time`)
    else sayWhy(ctx, 502, `${shard} and does not answer: ${(error as Error).message}`)
    return { moved: false }
  } finally {
    clearTimeout(timer)
  }
  if (response.statusCode === MOVED) {
    response.resume()
    return { moved: true }
  }
  await streamResponse(ctx, response)
  return { moved: false }
}

/** @throws Error if the owner does not answer, or not with a status that can be passed on */
async function requestOwner(
  peers: PeerClient,
  url: string,
  request: PeerRequest,
): Promise<IncomingMessage> {
  const response = await peers.request(url, request)
  const status = response.statusCode!
  if (status === 200 || status === MOVED || (status >= 400 && status <= 599)) return response
  response.destroy()
  throw new Error(`it answered with status ${status}`)
}

const originOf = (url: string) => (URL.canParse(url) ? new URL(url).origin : url)

function requestHeaders(ctx: Exchange): Record<string, string> {
  const headers: Record<string, string> = { [HOP_HEADER]: '1' }
  for (const name of REQUEST_HEADERS) {
    const value = ctx.get(name)
    if (value) headers[name] = value
  }
  return headers
}

async function streamResponse(ctx: Exchange, response: IncomingMessage): Promise<void> {
  ctx.status = response.statusCode!
  for (const name of RESPONSE_HEADERS) {
    const value = response.headers[name]
    if (value !== undefined) ctx.set(name, value)
  }
  ctx.respond = false
  try {
    await pipeline(response, ctx.res)
  } catch {
    // A truncated response must fail at the client, not look complete.
    response.destroy()
    ctx.res.destroy()
  }
}
