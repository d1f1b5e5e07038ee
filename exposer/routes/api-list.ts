import type { Context } from 'koa'
import { PARTITIONS_HEADER, type ShardLines } from '../group/peers.js'
import type { ScrapeResult } from '../telemetry/scrape-result.js'
import { heldUntil, type Rendering, send } from './answer.js'
import { GroupList, type Whole } from './group-list.js'
import { ownLines, scopeOf, sendLines, wantsLines } from './lists.js'
import type { Services } from './services.js'

const JSON_TYPE = 'application/json; charset=utf-8'
/** People wait less than scrapers: what is there is shown, and what is missing is said. */
const PATIENCE_MS = 2000

export interface ApiList {
  readonly path: string
  /** This shard's lines, each a JSON object. */
  own(services: Services): Promise<ShardLines>
  /** @param warnings in the manner of Prometheus's API, to be put after the status, or empty */
  render(whole: Whole, warnings: string): Rendering
}

/**
 * A list over the whole group or one shard, `?scope=`, in the manner of Prometheus's API. When shards are missing the others'
 * lines come with a warning.
 */
export function apiList({ path, own, render }: ApiList, services: Services) {
  const ownLinesOf = () => own(services)
  const list = new GroupList(path, ownLinesOf, services)
  const answer = (ctx: Context, whole: Whole, warning?: string): Promise<ScrapeResult> => {
    const warnings = warning === undefined ? '' : `,"warnings":${JSON.stringify([warning])}`
    return send(ctx, JSON_TYPE, () => render(whole, warnings))
  }
  return async (ctx: Context): Promise<ScrapeResult | undefined> => {
    const scope = scopeOf(ctx)
    if (!scope) return sayError(ctx, 400, 'bad_data', 'there is no such scope; the scopes are: group, shard')
    if (scope === 'shard') {
      const made = await ownLines(ctx, services, ownLinesOf)
      if ('wait' in made) return sayError(ctx, 503, 'unavailable', made.wait)
      if (wantsLines(ctx)) return sendLines(ctx, made)
      ctx.set(PARTITIONS_HEADER, made.partitions.join(','))
      return answer(ctx, { answers: [made], lines: made.lines })
    }
    const until = Math.min(heldUntil(ctx, services), services.clock.now().mono + PATIENCE_MS)
    const whole = await list.get(until, ctx.res)
    if ('answers' in whole) return answer(ctx, whole, 'wait' in whole ? whole.wait : undefined)
    const made = await ownLinesOf()
    return answer(ctx, { answers: [made], lines: made.lines }, `only of this shard: ${whole.wait}`)
  }
}

/** In the manner of Prometheus's API. */
function sayError(ctx: Context, status: number, errorType: string, error: string): undefined {
  ctx.status = status
  ctx.type = JSON_TYPE
  ctx.body = { status: 'error', errorType, error }
  return undefined
}
