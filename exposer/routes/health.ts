import type { Context } from 'koa'
import { sayWhy } from '../../shared/http/say-why.js'
import { troubleOf } from './readiness.js'
import type { Services } from './services.js'

/** `/-/healthy`: the process answers. */
export function healthy(ctx: Context): void {
  sayWhy(ctx, 200, 'kafka-exposer is healthy.')
}

/** `/-/ready`: this shard serves its partitions; 503 with the reason while it cannot. */
export function ready({ ownership, shard, clock, trouble }: Services) {
  return (ctx: Context): void => {
    const reason =
      trouble() ?? ownership.unsettledWhole() ?? troubleOf(shard.partitions(clock.now()), shard.options)
    if (reason) sayWhy(ctx, 503, reason)
    else sayWhy(ctx, 200, 'kafka-exposer is ready.')
  }
}
