import { partitionFor } from '../../shared/base/murmur2.js'
import type { Format } from '../../shared/exposition/format.js'
import { goneSignal } from '../../shared/http/client-gone.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { sayWhy } from '../../shared/http/say-why.js'
import type { Label } from '../../shared/metrics/model.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { bookWritten } from '../core/booking.js'
import { renderTarget } from '../core/render/target.js'
import type { ScrapeResult } from '../telemetry/scrape-result.js'
import { heldUntil, type Rendering, sendExposition } from './answer.js'
import { forward, HOP_HEADER } from './forward.js'
import { settle } from './hold.js'
import type { Services } from './services.js'

/** Parameters that begin so are about the request; all others are the target's labels. */
const ABOUT_REQUEST = '__'
const HOP = '__hop'
const TIMESTAMPS = '__timestamps'
/** When the owner that we know has just left, the new one is known soon. */
const LOOK_AGAIN_MS = 100

/**
 * `/target?job=…&instance=…`: one application as if Prometheus scraped it itself.
 *
 * Answered where its partition is owned; any other shard redirects there, once, or
 * asks there itself where credentials are needed, which no client sends on to another host. What cannot be said yet, because partitions
 * change hands or are being replayed, is held until it can.
 */
export function target(services: Services) {
  const { peers, changes, clock } = services
  return async (ctx: Exchange): Promise<ScrapeResult | undefined> => {
    const key = keyOf(ctx)
    if (typeof key === 'string') return sayWhy(ctx, 400, key)
    const hopped = ctx.query[HOP] !== undefined || ctx.get(HOP_HEADER) !== ''
    const until = heldUntil(ctx, services)
    let gone: AbortSignal | undefined
    for (;;) {
      const place = await settle({ until, response: ctx.res }, services, () => locate(key, hopped, services))
      if ('wait' in place) return sayWhy(ctx, 503, place.wait)
      if (place.kind === 'here') return serve(ctx, key, services)
      if (hopped || !peers.needCredentials) return redirect(ctx, place.address)
      gone ??= goneSignal(ctx.res)
      const url = `${place.address}/target?${ctx.querystring}`
      if (!(await forward(ctx, url, { until, gone }, services)).moved) return undefined
      const left = until - clock.now().mono
      if (left <= 0 || changes.closed) return sayWhy(ctx, 503, `${place.address} has just lost its partition`)
      await changes.next(Math.min(left, LOOK_AGAIN_MS), gone)
    }
  }
}

function redirect(ctx: Exchange, address: string): undefined {
  ctx.redirect(`${address}/target?${ctx.querystring}&${HOP}=1`)
  // Temporary: the next scrape asks at the stable address again.
  return sayWhy(ctx, 307, `its partition is served by ${address}`)
}

function locate(key: Buffer, hopped: boolean, { ownership }: Services) {
  const count = ownership.partitionCount
  if (count === undefined) return { wait: ownership.unsettled() ?? 'the group is rebalancing' }
  const place = ownership.locate(partitionFor(key, count), hopped)
  return place.kind === 'unsettled' ? { wait: place.reason } : place
}

async function serve(ctx: Exchange, key: Buffer, services: Services): Promise<ScrapeResult | undefined> {
  const { shard, clock, ownership } = services
  const now = clock.now()
  const found = shard.find(key.toString('latin1'))
  if (!found) return sayWhy(ctx, 404, 'no such target: nothing was heard of it within the replay window')
  const { state, reason } = shard.judge(found, now)
  const alive = ownership.hold()
  if (state === 'ended') return sendExposition(ctx, nothing, alive)
  if (state !== 'up') {
    if (state === 'failed' && ctx.method !== 'HEAD') bookWritten(found.newest!)
    return sayWhy(ctx, 503, reason)
  }
  const played = shard.played(found, now)
  if (!played) return sayWhy(ctx, 503, 'none of its snapshots can be read')
  const timestamps = ctx.query[TIMESTAMPS] === 'true'
  shard.store.acquire(played)
  try {
    const scraped = await sendExposition(
      ctx,
      format => renderTarget(played, format, now, { timestamps }),
      alive,
    )
    if (scraped.complete) bookWritten(played)
    return scraped
  } finally {
    shard.store.release(played)
  }
}

/** What is left of a target that said goodbye: an answer without series, so that Prometheus marks them stale. */
function* nothing(format: Format): Rendering {
  // Without its end an OpenMetrics exposition counts as cut off, and the scrape would fail.
  if (format.name === 'openmetrics-1.0.0') yield Buffer.from('# EOF\n')
  return 0
}

/** @returns the key of the record that the parameters ask for, or what is wrong with them */
function keyOf(ctx: Exchange): Buffer | string {
  const labels: Label[] = []
  for (const [name, value] of Object.entries(ctx.query)) {
    if (name.startsWith(ABOUT_REQUEST) || value === undefined) continue
    if (Array.isArray(value)) return `parameter ${JSON.stringify(name)} is given twice`
    // An empty label is none, in Prometheus and so here.
    if (value !== '') labels.push({ name, value })
  }
  try {
    return targetKey(labels)
  } catch (error) {
    if (error instanceof RefusedError) return error.message
    throw error
  }
}
