import { timingSafeEqual } from 'node:crypto'
import type { Context } from 'koa'
import { sayWhy } from '../../shared/http/say-why.js'
import { reachedSocket } from '../../shared/http/stream.js'
import { SECRET_HEADER } from '../group/handovers.js'
import { LINES_TYPE } from '../group/peers.js'
import { send } from './answer.js'
import { joined } from './lists.js'
import type { Services } from './services.js'

/**
 * `/api/v1/handover?partition=`: what this shard knows of a partition that it has given up, for its
 * next owner. Only shards of the group can ask: they know the secret of this one.
 */
export function handover({
  handovers,
  secret,
  clock,
}: Pick<Services, 'handovers' | 'secret' | 'clock'>) {
  return async (ctx: Context): Promise<void> => {
    if (!isEqual(ctx.get(SECRET_HEADER), secret))
      return sayWhy(ctx, 403, 'only shards of the group can ask for a handover')
    const { partition } = ctx.query
    const frozen = typeof partition === 'string' ? handovers.get(Number(partition)) : undefined
    if (!frozen) return sayWhy(ctx, 404, 'there is nothing to hand over of this partition')
    const { complete } = await send(ctx, LINES_TYPE, () =>
      joined('', frozen.lines(clock.now()), '\n', '\n'),
    )
    if (complete && ctx.method === 'GET' && (await reachedSocket(ctx.res))) handovers.taken(frozen)
  }
}

function isEqual(given: string, secret: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(secret)]
  return a.length === b.length && timingSafeEqual(a, b)
}
