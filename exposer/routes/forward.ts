import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Exchange } from '../../shared/http/exchange.js'
import { sayWhy } from '../../shared/http/say-why.js'
import type { Services } from './services.js'

/** Marks a request that a shard makes for a client: whoever gets it answers it or says no, and asks nobody else. */
export const HOP_HEADER = 'X-Exposer-Hop'

const ASKED = ['accept', 'accept-encoding', 'user-agent']
const ANSWERED = ['content-type', 'content-encoding', 'content-length', 'vary', 'www-authenticate']
const SHORTEST_MS = 100

/**
 * Answers a request with what another shard says, as it comes, and tells when that shard sends us on: it does not own what is
 * asked for any more.
 *
 * @param until when the other shard must have begun to answer, monotonic ms
 * @param gone aborted when the client goes away
 */
export async function forward(
  ctx: Exchange,
  url: string,
  { until, gone }: { until: number; gone: AbortSignal },
  { peers, clock }: Pick<Services, 'peers' | 'clock'>,
): Promise<{ moved: boolean }> {
  const late = new AbortController()
  const left = Math.max(until - clock.now().mono, SHORTEST_MS)
  const timer = setTimeout(() => late.abort(), left)
  let answer: IncomingMessage
  try {
    answer = await peers.ask(url, {
      method: ctx.method,
      headers: { ...asked(ctx), 'x-prometheus-scrape-timeout-seconds': String(left / 1000) },
      authorization: ctx.get('authorization') || undefined,
      signal: AbortSignal.any([gone, late.signal]),
    })
  } catch (error) {
    const { origin } = new URL(url)
    if (late.signal.aborted)
      sayWhy(ctx, 504, `shard ${origin} owns its partition and does not answer in time`)
    else
      sayWhy(ctx, 502, `shard ${origin} owns its partition and does not answer: ${(error as Error).message}`)
    return { moved: false }
  } finally {
    clearTimeout(timer)
  }
  if (answer.statusCode === 307) {
    answer.resume()
    return { moved: true }
  }
  await pass(ctx, answer)
  return { moved: false }
}

function asked(ctx: Exchange): Record<string, string> {
  const headers: Record<string, string> = { [HOP_HEADER]: '1' }
  for (const name of ASKED) {
    const value = ctx.get(name)
    if (value) headers[name] = value
  }
  return headers
}

async function pass(ctx: Exchange, answer: IncomingMessage): Promise<void> {
  ctx.status = answer.statusCode!
  for (const name of ANSWERED) {
    const value = answer.headers[name]
    if (value !== undefined) ctx.set(name, value)
  }
  ctx.respond = false
  try {
    await pipeline(answer, ctx.res)
  } catch {
    // Either end went away. What was cut off there is cut off here, so that its reader sees a failure and not an end.
    answer.destroy()
    ctx.res.destroy()
  }
}
