import type { Context } from 'koa'
import { LINES_TYPE, PARTITIONS_HEADER, type ShardLines } from '../group/peers.js'
import { type Rendering, send } from './answer.js'
import { hold, type Pending, waitingOf } from './hold.js'
import type { Services } from './services.js'
import { holdForTurn } from './turn.js'

export const UNKNOWN_SCOPE = 'unknown scope; valid scopes: group, shard'

/** `?scope=`: this shard only, or all shards of the group. Undefined if it is invalid. */
export function scopeOf(ctx: Context): 'shard' | 'group' | undefined {
  const { scope = 'group' } = ctx.query
  return scope === 'shard' || scope === 'group' ? scope : undefined
}

/**
 * The lines of this shard. The request is held until all partitions of the shard are replayed; if
 * one moves while the lines are rendered, they are rendered again.
 */
export async function ownLines(
  ctx: Context,
  services: Pick<Services, 'ownership' | 'changes' | 'clock' | 'responses'>,
  lines: () => Promise<ShardLines>,
): Promise<ShardLines | Pending> {
  const { ownership } = services
  const request = waitingOf(ctx, services)
  const attempt = (): { alive(): boolean } | Pending => {
    const pending = ownership.shardPendingReason()
    return pending === undefined ? { alive: ownership.tenureCheck() } : { pending }
  }
  let ready = await holdForTurn(request, 'peers', services, attempt)
  while (!('pending' in ready)) {
    const rendered = await lines()
    if (ready.alive()) return rendered
    ready = await hold(request, services, attempt)
  }
  return ready
}

/** Whether the client accepts lines instead of one JSON document: it is another shard. */
export function acceptsLines(ctx: Context): boolean {
  return ctx.accepts('application/json', LINES_TYPE) === LINES_TYPE
}

export function sendLines(ctx: Context, { partitions, lines }: ShardLines) {
  ctx.set(PARTITIONS_HEADER, partitions.join(','))
  return send(ctx, LINES_TYPE, () => joined('', lines, '\n', '\n'))
}

/** Joins lines to one body, in chunks. */
export function* joined(
  head: string,
  lines: readonly string[],
  separator: string,
  tail: string,
): Rendering {
  let text = head
  let first = true
  for (const line of lines) {
    text += first ? line : separator + line
    first = false
    if (text.length < 60_000) continue
    yield Buffer.from(text)
    text = ''
  }
  yield Buffer.from(text + tail)
  return lines.length
}
