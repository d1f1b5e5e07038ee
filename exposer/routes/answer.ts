import { memoize } from '../../shared/base/memoize.js'
import { contentType, type Format } from '../../shared/exposition/format.js'
import { negotiate } from '../../shared/exposition/negotiate.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { sendGenerated } from '../../shared/http/send.js'
import type { ScrapeResult } from '../telemetry/scrape-result.js'

/** A body in chunks, as in `sendGenerated`. Returns the number of samples. */
export type Rendering = Generator<Buffer, number>

/** Memoized, because a scraper sends the same Accept header with each scrape. */
const formatFor = memoize(accept => negotiate(accept || undefined))

/**
 * Sends a generated body.
 *
 * @param alive called before each chunk; the response is aborted when it returns false
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

/** The format that the scraper prefers. */
export function formatOf(ctx: Exchange): Format {
  return formatFor(ctx.get('accept'))
}

/** Sends an exposition in the format that the scraper prefers. */
export async function sendExposition(
  ctx: Exchange,
  render: (format: Format) => Rendering,
  alive: () => boolean,
): Promise<ScrapeResult> {
  const format = formatOf(ctx)
  ctx.vary('Accept')
  return send(ctx, contentType(format), () => render(format), alive)
}
