import type { Context } from 'koa'
import { mapInSlices, sortInSlices } from '../../shared/base/slices.js'
import { sayWhy } from '../../shared/http/say-why.js'
import { sdGroups } from '../core/discovery.js'
import { PARTITIONS_HEADER } from '../group/peers.js'
import type { ScrapeResult } from '../telemetry/scrape-result.js'
import { send } from './answer.js'
import { GroupList } from './group-list.js'
import { waitingOf } from './hold.js'
import { acceptsLines, joined, ownLines, scopeOf, sendLines, UNKNOWN_SCOPE } from './lists.js'
import type { Services } from './services.js'
import { listInTurn } from './turn.js'

/**
 * `/sd`: all virtual targets of the group, in the format of Prometheus's HTTP service discovery.
 *
 * The list is complete or the response is 503. Prometheus keeps its targets after a 503, but drops
 * those that are missing from a list.
 */
export function sd(services: Services) {
  const own = () => ownTargets(services)
  const list = new GroupList('/sd', own, services)
  return async (ctx: Context): Promise<ScrapeResult | undefined> => {
    const scope = scopeOf(ctx)
    if (!scope) return sayWhy(ctx, 400, UNKNOWN_SCOPE)
    if (scope === 'shard') {
      const lines = await ownLines(ctx, services, own)
      if ('pending' in lines) return sayWhy(ctx, 503, lines.pending)
      if (acceptsLines(ctx)) return sendLines(ctx, lines)
      ctx.set(PARTITIONS_HEADER, lines.partitions.join(','))
      return sendList(ctx, lines.lines)
    }
    const request = waitingOf(ctx, services)
    const merged = await listInTurn(request, services, () => list.get(request.deadline, ctx.res))
    if ('pending' in merged) return sayWhy(ctx, 503, `the list is incomplete: ${merged.pending}`)
    return sendList(ctx, merged.lines)
  }
}

const sendList = (ctx: Context, lines: readonly string[]) =>
  send(ctx, 'application/json; charset=utf-8', () => joined('[\n', lines, ',\n', '\n]\n'))

async function ownTargets(services: Services): Promise<readonly string[]> {
  const { shard, clock, address, externalUrl, telemetry } = services
  const now = clock.now()
  const options = {
    externalUrl: externalUrl ?? address,
    onDropped: () => telemetry.droppedLabels.inc(),
    onEscaped: () => telemetry.escapedLabels.inc(),
  }
  const lines = await mapInSlices([...shard.targets()], target =>
    sdGroups([shard.describe(target, now)], options).map(group => JSON.stringify(group)),
  )
  return sortInSlices(lines.flat())
}
