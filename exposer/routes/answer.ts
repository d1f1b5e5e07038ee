import type { Context } from 'koa'
import { contentType, type Format } from '../../shared/exposition/format.js'
import { negotiate } from '../../shared/exposition/negotiate.js'
import { patienceOf } from '../hold.js'
import type { Services } from '../services.js'
import { sendChunks } from '../stream.js'

/** What a scraper was given. */
export interface Scraped {
  readonly bytes: number
  readonly samples: number
  /** Whether all of it reached the socket. */
  readonly whole: boolean
}

/**
 * A body in chunks, an empty one being only a place to let others have the event loop. Returns how many samples it had.
 */
export type Rendering = Generator<Buffer, number>

/** Why a request is not answered with what it asked for: one line, for people with curl. */
export function sayWhy(ctx: Context, status: number, reason: string): undefined {
  ctx.status = status
  ctx.type = 'text/plain; charset=utf-8'
  ctx.body = `${reason}\n`
  return undefined
}

/** Until when a request may be held: monotonic milliseconds. */
export function heldUntil(ctx: Context, { clock }: Services): number {
  return clock.now().mono + patienceOf(ctx.req.headers)
}

/**
 * Sends a generated body.
 *
 * @param alive asked before every chunk whether it may go out
 */
export async function send(
  ctx: Context,
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
  const gzip = ctx.acceptsEncodings('gzip', 'identity') === 'gzip'
  let samples = 0
  const counted = function* () {
    samples = yield* render()
  }
  const { bytes, whole } = await sendChunks(ctx.res, counted(), { gzip, alive })
  return { bytes, samples, whole }
}

/** Sends series in the format that the scraper prefers. */
export async function sendExposition(
  ctx: Context,
  render: (format: Format) => Rendering,
  alive: () => boolean,
): Promise<Scraped> {
  const format = negotiate(ctx.get('accept') || undefined)
  ctx.vary('Accept')
  return send(ctx, contentType(format), () => render(format), alive)
}

/** Counts and times the requests of scrapers to one path. */
export function scrape(
  path: string,
  { telemetry, clock }: Services,
  handler: (ctx: Context) => Promise<Scraped | undefined>,
) {
  return async (ctx: Context): Promise<void> => {
    const begun = clock.now().mono
    telemetry.scrapes.begun(path)
    let scraped: Scraped | undefined
    try {
      scraped = await handler(ctx)
    } finally {
      telemetry.scrapes.ended(path, ctx.status, (clock.now().mono - begun) / 1000, scraped)
    }
  }
}
