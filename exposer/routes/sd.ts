import type { Context } from 'koa'
import { mapInSlices, sortInSlices } from '../../shared/base/slices.js'
import { sayWhy } from '../../shared/http/say-why.js'
import { sdGroups } from '../core/discovery.js'
import { PARTITIONS_HEADER, type ShardLines } from '../group/peers.js'
import type { ScrapeResult } from '../telemetry/scrape-result.js'
import { heldUntil, send } from './answer.js'
import { GroupList } from './group-list.js'
import { joined, ownLines, scopeOf, sendLines, wantsLines } from './lists.js'
import type { Services } from './services.js'

/**
 * `/sd`: every virtual target of the group, as Prometheus's HTTP service discovery wants it.
 *
 * Never a shorter list: Prometheus keeps its targets over a 503, but drops those that a list lacks. So the list is whole or
 * there is none.
 */
export function sd(services: Services) {
  const own = () => ownTargets(services)
  const list = new GroupList('/sd', own, services)
  return async (ctx: Context): Promise<ScrapeResult | undefined> => {
    const scope = scopeOf(ctx)
    if (!scope) return sayWhy(ctx, 400, 'there is no such scope; the scopes are: group, shard')
    if (scope === 'shard') {
      const made = await ownLines(ctx, services, own)
      if ('wait' in made) return sayWhy(ctx, 503, made.wait)
      if (wantsLines(ctx)) return sendLines(ctx, made)
      ctx.set(PARTITIONS_HEADER, made.partitions.join(','))
      return sendList(ctx, made.lines)
    }
    const whole = await list.get(heldUntil(ctx, services), ctx.res)
    if ('wait' in whole) return sayWhy(ctx, 503, `the list is not complete: ${whole.wait}`)
    return sendList(ctx, whole.lines)
  }
}

const sendList = (ctx: Context, lines: readonly string[]) =>
  send(ctx, 'application/json; charset=utf-8', () => joined('[\n', lines, ',\n', '\n]\n'))

async function ownTargets(services: Services): Promise<ShardLines> {
  const { shard, ownership, clock, address, externalUrl, telemetry } = services
  const now = clock.now()
  const options = { externalUrl: externalUrl ?? address, onDropped: () => telemetry.droppedLabels.inc() }
  const partitions = ownership.partitions()
  const lines = await mapInSlices([...shard.targets()], target =>
    sdGroups([shard.describe(target, now)], options).map(group => JSON.stringify(group)),
  )
  return { address, partitions, lines: await sortInSlices(lines.flat()) }
}
