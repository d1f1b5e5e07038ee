import type { Context } from 'koa'
import { PARTITIONS_HEADER } from '../group/peers.js'
import type { ScrapeResult } from '../telemetry/scrape-result.js'
import { type Rendering, send } from './answer.js'
import { GroupList, type MergedList } from './group-list.js'
import { waitingOf } from './hold.js'
import { acceptsLines, ownLines, scopeOf, sendLines, UNKNOWN_SCOPE } from './lists.js'
import type { Services } from './services.js'
import { listInTurn } from './turn.js'

const JSON_TYPE = 'application/json; charset=utf-8'
/** Shorter than for scrapers, because people wait. */
const MAX_HOLD_MS = 2000

export interface ApiList {
  readonly path: string
  /** This shard's lines, each a JSON object. */
  own(services: Services): Promise<readonly string[]>
  render(list: MergedList): Rendering
}

/**
 * Handler of a list of the group or of one shard (`?scope=`), in the response format of
 * Prometheus's API. The list is complete or the response is 503 with the reason.
 */
export function apiList({ path, own, render }: ApiList, services: Services) {
  const ownLinesOf = () => own(services)
  const list = new GroupList(path, ownLinesOf, services)
  const sendMerged = (ctx: Context, merged: MergedList): Promise<ScrapeResult> =>
    send(ctx, JSON_TYPE, () => render(merged))
  return async (ctx: Context): Promise<ScrapeResult | undefined> => {
    const scope = scopeOf(ctx)
    if (!scope) return sendError(ctx, 400, 'bad_data', UNKNOWN_SCOPE)
    if (scope === 'shard') {
      const lines = await ownLines(ctx, services, ownLinesOf)
      if ('pending' in lines) return sendError(ctx, 503, 'unavailable', lines.pending)
      services.lists.send(lines.lines, ctx.res)
      if (acceptsLines(ctx)) return sendLines(ctx, lines)
      ctx.set(PARTITIONS_HEADER, lines.partitions.join(','))
      return sendMerged(ctx, { answers: [lines], lines: lines.lines })
    }
    const request = waitingOf(ctx, services)
    const deadline = Math.min(request.deadline, services.clock.now().mono + MAX_HOLD_MS)
    const merged = await listInTurn(request, services, () => list.get(deadline, ctx.res))
    if ('pending' in merged)
      return sendError(ctx, 503, 'unavailable', `the list is incomplete: ${merged.pending}`)
    services.lists.send(merged.lines, ctx.res)
    return sendMerged(ctx, merged)
  }
}

/** An error in the response format of Prometheus's API. */
function sendError(ctx: Context, status: number, errorType: string, error: string): undefined {
  ctx.status = status
  ctx.type = JSON_TYPE
  ctx.body = { status: 'error', errorType, error }
  return undefined
}
