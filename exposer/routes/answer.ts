import { remembered } from '../../shared/base/remembered.js'
import { contentType, type Format } from '../../shared/exposition/format.js'
import { negotiate } from '../../shared/exposition/negotiate.js'
import { prefersGzip } from '../../shared/http/encoding.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { sendChunks } from '../../shared/http/stream.js'
import type { Scraped } from '../telemetry/scraped.js'
import { patienceOf } from './hold.js'
import type { Services } from './services.js'

/**
 * A body in chunks, an empty one being only a place to let others have the event loop. Returns how many samples it had.
 */
export type Rendering = Generator<Buffer, number>

/** Scrapers ask for the same again and again. */
const wantsGzip = remembered(prefersGzip)
const formatFor = remembered(accept => negotiate(accept || undefined))

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
  alive: () => boolean = () => true,
): Promise<Scraped> {
  ctx.status = 200
  ctx.set('Content-Type', type)
  ctx.vary('Accept-Encoding')
  // Nobody reads the body of a HEAD request: it is not made.
  if (ctx.method === 'HEAD') return { bytes: 0, samples: 0, whole: false }
  ctx.respond = false
  const gzip = wantsGzip(ctx.get('accept-encoding'))
  let samples = 0
  const counted = function* () {
    samples = yield* render()
  }
  const { bytes, whole } = await sendChunks(ctx.res, counted(), { gzip, alive })
  return { bytes, samples, whole }
}

/** Sends series in the format that the scraper prefers. */
export async function sendExposition(
  ctx: Exchange,
  render: (format: Format) => Rendering,
  alive: () => boolean,
): Promise<Scraped> {
  const format = formatFor(ctx.get('accept'))
  ctx.vary('Accept')
  return send(ctx, contentType(format), () => render(format), alive)
}
