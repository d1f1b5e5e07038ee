import { memoize } from '../../shared/base/memoize.js'
import { contentType, type Format } from '../../shared/exposition/format.js'
import { negotiate } from '../../shared/exposition/negotiate.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { sendGenerated } from '../../shared/http/send.js'
import type { ScrapeResult } from '../telemetry/scrape-result.js'
import { patienceOf } from './hold.js'
import type { Services } from './services.js'

/** A body in chunks, as `sendGenerated` takes it. Returns how many samples it had. */
export type Rendering = Generator<Buffer, number>

/** Scrapers ask for the same again and again. */
const formatFor = memoize(accept => negotiate(accept || undefined))

/** Until when a request may be held: monotonic milliseconds. */
export function heldUntil(ctx: Exchange, { clock }: Pick<Services, 'clock'>): number {
  return clock.now().mono + patienceOf(ctx.req.headers)
}

/**
 * Sends a generated body.
 *
 * @param alive asked before every chunk whether it may go out
 */
export async function send(
  ctx: Exchange,
  type: string,
  render: () => Rendering,
  alive?: () => boolean,
): Promise<ScrapeResult> {
  const { bytes, whole, result } = await sendGenerated(ctx, type, render, alive)
  return { bytes, complete: whole, samples: result ?? 0 }
}

/** Sends series in the format that the scraper prefers. */
export async function sendExposition(
  ctx: Exchange,
  render: (format: Format) => Rendering,
  alive: () => boolean,
): Promise<ScrapeResult> {
  const format = formatFor(ctx.get('accept'))
  ctx.vary('Accept')
  return send(ctx, contentType(format), () => render(format), alive)
}
