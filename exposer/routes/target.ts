import type { Instant } from '../../shared/base/clock.js'
import { partitionFor } from '../../shared/base/murmur2.js'
import { runInSlices } from '../../shared/base/steps.js'
import type { Format } from '../../shared/exposition/format.js'
import { goneSignal } from '../../shared/http/client-gone.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { sayWhy } from '../../shared/http/say-why.js'
import type { Label } from '../../shared/metrics/model.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { bookWritten } from '../core/booking.js'
import { labelOfParameter } from '../core/discovery.js'
import { prepareTarget, renderTarget } from '../core/render/target.js'
import { TIMESTAMPS, type Timestamps } from '../core/render/timestamps.js'
import type { Shard } from '../core/shard.js'
import { isDecoded, type Snapshot } from '../core/store/snapshot.js'
import type { Pending } from '../group/ownership.js'
import type { ScrapeResult } from '../telemetry/scrape-result.js'
import { formatOf, type Rendering, sendExposition } from './answer.js'
import { forward, HOP_HEADER } from './forward.js'
import { waitingOf } from './hold.js'
import type { Services } from './services.js'
import { holdForTurn } from './turn.js'

/** Prefix of parameters of the request; all other parameters are labels of the target. */
const RESERVED_PREFIX = '__'
const HOP = '__hop'
const HOP_PARAMETER = /&__hop=[^&]*/g
/** For how long other shards have held the request, ms. */
const HELD = '__held'
const HELD_PARAMETER = /&__held=[^&]*/g
const MOST_HELD_MS = 10_000
/** A request counts as held after this time, ms. */
const LEAST_HELD_MS = 20
const TIMESTAMPS_PARAMETER = '__timestamps'
/** After the known owner has lost the partition, the new one is usually known within this time. */
const RETRY_MS = 100

/**
 * `/target?job=…&instance=…`: one application, as if Prometheus scraped it directly.
 *
 * The owner of the partition responds. Any other shard redirects to the owner. If credentials are
 * required it forwards the request instead, because clients do not send credentials to the host of
 * a redirect. The request is held while the partition moves or is replayed.
 */
export function target(services: Services) {
  const { peers, changes, clock } = services
  return async (ctx: Exchange): Promise<ScrapeResult | undefined> => {
    const key = keyOf(ctx)
    if (typeof key === 'string') return sayWhy(ctx, 400, key)
    const timestamps = timestampsOf(ctx, services)
    if (timestamps === undefined) {
      const values = TIMESTAMPS.join(', ')
      return sayWhy(ctx, 400, `${TIMESTAMPS_PARAMETER} is not one of ${values}`)
    }
    const hops = hopsOf(ctx.query[HOP] ?? ctx.get(HOP_HEADER))
    const request = waitingOf(ctx, services)
    const { deadline } = request
    const heldBefore = heldMsOf(ctx.query[HELD])
    const heldMs = () => heldBefore + clock.now().mono - request.arrivedAt
    let gone: AbortSignal | undefined
    for (;;) {
      const place = await holdForTurn(
        request,
        'scrapes',
        services,
        () => locate(key, hops, services),
        // A forwarded request counts at its owner only.
        ({ kind }) => kind === 'here',
      )
      if ('pending' in place) return sayWhy(ctx, 503, place.pending)
      if (place.kind === 'here') {
        const target = { key, timestamps, heldMs: heldMs() }
        return serve(ctx, target, place.partition, services)
      }
      const query = queryOf(ctx, timestamps === 'playout' ? heldMs() : 0)
      // The shard that forwarded a request finds the next owner itself.
      if (ctx.get(HOP_HEADER) !== '' || !peers.needCredentials)
        return redirect(ctx, place.address, query, hops)
      gone ??= goneSignal(ctx.res)
      const url = `${place.address}/target?${query}`
      if (!(await forward(ctx, url, { deadline, gone }, services)).moved) return undefined
      const left = deadline - clock.now().mono
      if (left <= 0 || changes.closed) {
        return sayWhy(ctx, 503, `shard ${place.address} no longer owns the partition of the target`)
      }
      await changes.next(Math.min(left, RETRY_MS), gone)
    }
  }
}

/** Number of shards that have passed the request on. */
function hopsOf(text: string | string[] | undefined): number {
  const [first] = [text].flat()
  return first ? Number(first) || 1 : 0
}

/** For how long other shards have held the request, ms. */
function heldMsOf(text: string | string[] | undefined): number {
  const [first] = [text].flat()
  return Math.min(MOST_HELD_MS, Math.max(0, Number(first) || 0))
}

/** The parameters for the owner. With playout times it has to know when the scrape began. */
function queryOf({ querystring }: Exchange, heldMs: number): string {
  const query = querystring.replace(HELD_PARAMETER, '')
  return heldMs < LEAST_HELD_MS ? query : `${query}&${HELD}=${Math.round(heldMs)}`
}

function redirect(ctx: Exchange, address: string, query: string, hops: number): undefined {
  ctx.redirect(`${address}/target?${query.replace(HOP_PARAMETER, '')}&${HOP}=${hops + 1}`)
  // Temporary: the next scrape uses the stable address again.
  return sayWhy(ctx, 307, `the partition of the target is owned by ${address}`)
}

type Located =
  | { readonly kind: 'here'; readonly partition: number }
  | { readonly kind: 'elsewhere'; readonly address: string }

function locate(key: Buffer, hops: number, { ownership }: Services): Located | Pending {
  const count = ownership.partitionCount
  if (count === undefined)
    return { pending: ownership.pendingReason() ?? 'this shard has no assignment yet' }
  const partition = partitionFor(key, count)
  const place = ownership.locate(partition, hops)
  switch (place.kind) {
    case 'pending':
      return { pending: place.reason }
    case 'here':
      return { kind: 'here', partition }
    case 'elsewhere':
      return place
  }
}

interface Requested {
  readonly key: Buffer
  readonly timestamps: Timestamps
  /** For how long this shard and others have held the request, ms. */
  readonly heldMs: number
}

/**
 * The time for which a scrape with playout times is answered: that of its beginning. A request that
 * was held while the partition moved would otherwise miss a snapshot that other servers store.
 */
const playoutTime = ({ wall }: Instant, heldMs: number) =>
  heldMs < LEAST_HELD_MS ? wall : wall - heldMs

async function serve(
  ctx: Exchange,
  { key, timestamps, heldMs }: Requested,
  partition: number,
  services: Services,
): Promise<ScrapeResult | undefined> {
  const { shard, clock, ownership } = services
  const now = clock.now()
  const found = shard.find(key.toString('latin1'))
  if (!found) {
    const unread = ownership.unreadReason(key)
    return unread === undefined
      ? sayWhy(
          ctx,
          404,
          'no such target: no record of it was accepted within --staleness.forget; refused ones are in the log and in exposer_records_rejected_total',
        )
      : sayWhy(ctx, 503, unread)
  }
  const { state, reason } = shard.judge(found, now)
  const alive = ownership.tenureCheck([partition])
  if (state === 'ended') return sendExposition(ctx, renderEmpty, alive)
  if (state !== 'up') {
    if (state === 'failed' && ctx.method !== 'HEAD') bookWritten(found.newest!)
    return sayWhy(ctx, 503, reason)
  }
  const at = timestamps === 'playout' ? playoutTime(now, heldMs) : undefined
  const due = shard.due(found, now, at)
  if (due && !isDecoded(due)) await decode(due, shard)
  const played = shard.played(found, now, at)
  if (!played) return sayWhy(ctx, 503, 'no snapshot of the target can be decoded')
  const view = { timestamps, runs: shard.runs(found) }
  shard.store.acquire(played)
  try {
    const ready = await runInSlices(prepareTarget(played, formatOf(ctx)))
    const scraped = await sendExposition(
      ctx,
      format => renderTarget(played, ready, format, now, view),
      alive,
    )
    if (scraped.complete) bookWritten(played)
    return scraped
  } finally {
    shard.store.release(played)
  }
}

/** Decodes a snapshot that a replay left undecoded. */
async function decode(snapshot: Snapshot, shard: Shard): Promise<void> {
  shard.store.acquire(snapshot)
  try {
    await runInSlices(shard.decodeSteps(snapshot))
  } finally {
    shard.store.release(snapshot)
  }
}

/**
 * An exposition without series, for a target that has ended: Prometheus writes stale markers for
 * its series.
 */
function* renderEmpty(format: Format): Rendering {
  // An OpenMetrics exposition without `# EOF` counts as truncated, and the scrape would fail.
  if (format.name === 'openmetrics-1.0.0') yield Buffer.from('# EOF\n')
  return 0
}

/** The timestamps that the request asks for; undefined if there are no such ones. */
function timestampsOf(
  ctx: Exchange,
  services: Pick<Services, 'timestamps'>,
): Timestamps | undefined {
  const asked = ctx.query[TIMESTAMPS_PARAMETER]
  if (asked === undefined || asked === '') return services.timestamps
  // As the parameter was before it had several values.
  if (asked === 'true') return 'collection'
  return TIMESTAMPS.find(value => value === asked)
}

/** @returns the record key of the target that the parameters select, or an error message */
function keyOf(ctx: Exchange): Buffer | string {
  const labels: Label[] = []
  for (const [name, value] of Object.entries(ctx.query)) {
    if (name.startsWith(RESERVED_PREFIX) || value === undefined) continue
    if (Array.isArray(value)) return `parameter ${JSON.stringify(name)} is given twice`
    // As in Prometheus, a label with an empty value is the same as no label.
    if (value !== '') labels.push({ name: labelOfParameter(name), value })
  }
  try {
    return targetKey(labels)
  } catch (error) {
    if (error instanceof RefusedError) return error.message
    throw error
  }
}
