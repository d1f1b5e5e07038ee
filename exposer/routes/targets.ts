import type { Context } from 'koa'
import { GroupList, type Whole } from '../group-list.js'
import { PARTITIONS_HEADER, type ShardLines } from '../peers.js'
import type { Services } from '../services.js'
import { mapInSlices, sortInSlices } from '../slices.js'
import { heldUntil, type Scraped, send } from './answer.js'
import { joined, ownLines, scopeOf, sendLines, wantsLines } from './lists.js'

const JSON_TYPE = 'application/json; charset=utf-8'
/** People wait less than scrapers: what is there is shown, and what is missing is said. */
const PATIENCE_MS = 2000

/**
 * `/api/v1/targets?scope=`: each target with its state, as the page at `/` shows it. When shards are missing the others'
 * targets come with a warning.
 */
export function targets(services: Services) {
  const own = () => ownTargets(services)
  const list = new GroupList('/api/v1/targets', own, services)
  return async (ctx: Context): Promise<Scraped | undefined> => {
    const scope = scopeOf(ctx)
    if (!scope) return sayError(ctx, 400, 'bad_data', 'there is no such scope; the scopes are: group, shard')
    if (scope === 'shard') {
      const made = await ownLines(ctx, services, own)
      if ('wait' in made) return sayError(ctx, 503, 'unavailable', made.wait)
      if (wantsLines(ctx)) return sendLines(ctx, made)
      ctx.set(PARTITIONS_HEADER, made.partitions.join(','))
      return sendTargets(ctx, { answers: [made], lines: made.lines })
    }
    const until = Math.min(heldUntil(ctx, services), services.clock.now().mono + PATIENCE_MS)
    const whole = await list.get(until, ctx.res)
    if ('answers' in whole) return sendTargets(ctx, whole, 'wait' in whole ? whole.wait : undefined)
    const made = await own()
    return sendTargets(ctx, { answers: [made], lines: made.lines }, `only of this shard: ${whole.wait}`)
  }
}

async function ownTargets({ shard, ownership, clock, address }: Services): Promise<ShardLines> {
  const now = clock.now()
  const partitions = ownership.partitions()
  const lines = await mapInSlices([...shard.targets()], target =>
    JSON.stringify({ ...shard.describe(target, now), shard: address }),
  )
  return { address, partitions, lines: await sortInSlices(lines) }
}

function sendTargets(ctx: Context, { answers, lines }: Whole, warning?: string): Promise<Scraped> {
  const shards = answers.map(answer => ({
    address: answer.address,
    partitions: answer.partitions,
    error: 'error' in answer ? answer.error : undefined,
  }))
  const warnings = warning === undefined ? '' : `,"warnings":${JSON.stringify([warning])}`
  const head = `{"status":"success"${warnings},"data":{"shards":${JSON.stringify(shards)},"targets":[\n`
  return send(ctx, JSON_TYPE, () => joined(head, lines, ',\n', '\n]}}\n'))
}

/** In the manner of Prometheus's API. */
function sayError(ctx: Context, status: number, errorType: string, error: string): undefined {
  ctx.status = status
  ctx.type = JSON_TYPE
  ctx.body = { status: 'error', errorType, error }
  return undefined
}
