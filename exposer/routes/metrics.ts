import type { Context } from 'koa'
import { runInSlices } from '../../shared/base/steps.js'
import { Refusal } from '../../shared/http/refusal.js'
import { sayWhy } from '../../shared/http/say-why.js'
import { reachedSocket } from '../../shared/http/stream.js'
import type { History, Span } from '../core/history/history.js'
import { NoMemory } from '../core/render/massive/chosen.js'
import { MassiveScrape } from '../core/render/massive/massive.js'
import { VIEWS, type View } from '../core/render/massive/view.js'
import type { ScrapeResult } from '../telemetry/scrape-result.js'
import { formatOf, sendExposition } from './answer.js'
import { waitingOf } from './hold.js'
import type { Services } from './services.js'
import { holdForTurn } from './turn.js'

const MAX_NAME_LENGTH = 256

/** `/metrics?view=`: all targets of this shard as one massive target. */
export function metrics(services: Services) {
  return async (ctx: Context): Promise<ScrapeResult | undefined> => {
    const name = ctx.query.view ?? services.view
    const view = VIEWS.find(view => view === name)
    if (!view) return sayWhy(ctx, 400, `unknown view; valid views: ${VIEWS.join(', ')}`)
    const { scraper } = ctx.query
    if (view === 'all' && !isName(scraper)) {
      return sayWhy(
        ctx,
        400,
        `the view all exposes to each scraper the samples since its last scrape: add ?scraper= once, with a name of at most ${MAX_NAME_LENGTH} characters that is different for each Prometheus server`,
      )
    }
    const request = waitingOf(ctx, services)
    const ready = await holdForTurn<object>(request, 'scrapes', services, () => {
      const pending = services.ownership.shardPendingReason()
      return pending === undefined ? {} : { pending }
    })
    if ('pending' in ready) return sayWhy(ctx, 503, ready.pending)
    return sendView(ctx, view, isName(scraper) ? scraper : '', services)
  }
}

const isName = (scraper: string | string[] | undefined): scraper is string =>
  typeof scraper === 'string' && scraper !== '' && scraper.length <= MAX_NAME_LENGTH

async function sendView(
  ctx: Context,
  view: View,
  scraper: string,
  { shard, clock, ownership }: Services,
): Promise<ScrapeResult | undefined> {
  const now = clock.now()
  let span: Span | undefined
  // A HEAD request has no body and must not create a position for a scraper.
  if (view === 'all' && ctx.method !== 'HEAD') {
    span = shard.history.open(scraper, now)
    if (!span) return refuseScraper(ctx, shard.history)
  }
  const format = formatOf(ctx)
  const scrape = new MassiveScrape(shard, { view, format, now, scraper, span })
  let written = false
  try {
    if (ctx.method !== 'HEAD') await prepare(scrape)
    const scraped = await sendExposition(ctx, () => scrape.render(), ownership.tenureCheck())
    // The view all exposes each sample once: its position moves only if the response was delivered.
    written = scraped.complete && (await reachedSocket(ctx.res))
    return scraped
  } finally {
    await runInSlices(scrape.end(written))
    if (span) shard.history.close(span)
  }
}

/** @throws Refusal 503 when there is no memory for the scrape */
async function prepare(scrape: MassiveScrape): Promise<void> {
  try {
    await runInSlices(scrape.prepare())
  } catch (error) {
    if (error instanceof NoMemory) throw new Refusal(503, error.message, { 'Retry-After': '1' })
    throw error
  }
}

function refuseScraper(ctx: Context, { scrapers, refusedScrapers }: History): undefined {
  const names = scrapers.map(name => JSON.stringify(name)).join(', ')
  return sayWhy(
    ctx,
    429,
    `too many active scrapers of the view all: ${names}; a new one has a place when one of them has missed three of its scrapes; refused so far: ${refusedScrapers}; use one name per Prometheus server`,
  )
}
