import type { Context } from 'koa'
import { sayWhy } from '../../shared/http/say-why.js'
import { reachedSocket } from '../../shared/http/stream.js'
import type { Span } from '../core/history/history.js'
import { MassiveScrape } from '../core/render/massive/massive.js'
import { VIEWS, type View } from '../core/render/massive/view.js'
import type { ScrapeResult } from '../telemetry/scrape-result.js'
import { heldUntil, sendExposition } from './answer.js'
import { settle } from './hold.js'
import type { Services } from './services.js'

const MAX_NAME = 256

/** `/metrics?view=`: everything that this shard owns, as one massive target. */
export function metrics(services: Services) {
  return async (ctx: Context): Promise<ScrapeResult | undefined> => {
    const asked = ctx.query.view ?? services.view
    const view = VIEWS.find(name => name === asked)
    if (!view) return sayWhy(ctx, 400, `there is no such view; the views are: ${VIEWS.join(', ')}`)
    const { scraper } = ctx.query
    if (view === 'all' && !isName(scraper)) {
      return sayWhy(
        ctx,
        400,
        `the view all needs to know who asks, because it shows each scraper what is new to it: add ?scraper= with a name of its own for each Prometheus, once, of ${MAX_NAME} characters at most`,
      )
    }
    const request = { until: heldUntil(ctx, services), response: ctx.res }
    const settled = await settle<object>(request, services, () => {
      const pending = services.ownership.unsettledWhole()
      return pending === undefined ? {} : { wait: pending }
    })
    if ('wait' in settled) return sayWhy(ctx, 503, settled.wait)
    return show(ctx, view, isName(scraper) ? scraper : '', services)
  }
}

const isName = (scraper: string | string[] | undefined): scraper is string =>
  typeof scraper === 'string' && scraper !== '' && scraper.length <= MAX_NAME

async function show(
  ctx: Context,
  view: View,
  scraper: string,
  { shard, clock, ownership }: Services,
): Promise<ScrapeResult | undefined> {
  const now = clock.now()
  let span: Span | undefined
  // Nobody reads the body of a HEAD request: it must not open a cursor either.
  if (view === 'all' && ctx.method !== 'HEAD') {
    span = shard.history.open(scraper, now)
    if (!span) {
      const names = shard.history.scrapers.map(name => JSON.stringify(name)).join(', ')
      return sayWhy(
        ctx,
        429,
        `no more scrapers of the view all: ${names} have a place each, until they have not asked for --exposition.max-age`,
      )
    }
  }
  let scrape: MassiveScrape | undefined
  let written = false
  try {
    const scraped = await sendExposition(
      ctx,
      format => {
        scrape = new MassiveScrape(shard, { view, format, now, scraper, span })
        return scrape.render()
      },
      ownership.hold(),
    )
    // A scraper that is shown something once must have had it.
    written = scraped.complete && (await reachedSocket(ctx.res))
    return scraped
  } finally {
    scrape?.end(written)
  }
}
