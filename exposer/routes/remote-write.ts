import type { Context } from 'koa'
import { statusOf } from '../telemetry/remote-write-status.js'
import type { Services } from './services.js'

/** `/api/v1/remote-write`: the receivers of remote write, and what this shard has sent to them. */
export function remoteWrite({
  remotes,
  clock,
  address,
}: Pick<Services, 'remotes' | 'clock' | 'address'>) {
  return (ctx: Context): void => {
    const { wall } = clock.now()
    const receivers = remotes().map(remote => statusOf(remote, wall))
    ctx.body = { status: 'success', data: { shard: address, receivers } }
  }
}
