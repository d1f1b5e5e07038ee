import type { Context } from 'koa'
import { renderMassive, VIEWS, type View } from '../core/render/massive.js'
import { settle } from '../hold.js'
import type { Services } from '../services.js'
import { heldUntil, type Scraped, sayWhy, sendExposition } from './answer.js'

/** `/metrics?view=`: everything that this shard owns, as one massive target. */
export function metrics(services: Services) {
  return async (ctx: Context): Promise<Scraped | undefined> => {
    const asked = ctx.query.view ?? services.view
    const view = VIEWS.find(name => name === asked)
    if (!view) return sayWhy(ctx, 400, `there is no such view; the views are: ${VIEWS.join(', ')}`)
    const request = { until: heldUntil(ctx, services), response: ctx.res }
    const settled = await settle<object>(request, services, () => {
      const pending = services.ownership.unsettledWhole()
      return pending === undefined ? {} : { wait: pending }
    })
    if ('wait' in settled) return sayWhy(ctx, 503, settled.wait)
    return show(ctx, view, services)
  }
}

function show(ctx: Context, view: View, { shard, clock, ownership }: Services): Promise<Scraped> {
  const now = clock.now()
  return sendExposition(ctx, format => renderMassive(shard, view, format, now), ownership.hold())
}
