import type { Context } from 'koa'
import type { Pending } from '../group/ownership.js'
import { LINES_TYPE, PARTITIONS_HEADER, type ShardLines } from '../group/peers.js'
import { type Rendering, send } from './answer.js'
import { hold, waitingOf } from './hold.js'
import type { Services } from './services.js'
import { holdForTurn } from './turn.js'

export const UNKNOWN_SCOPE = 'unknown scope; valid scopes: group, shard'

/** `?scope=`: this shard only, or all shards of the group. Undefined if it is invalid. */
export function scopeOf(ctx: Context): 'shard' | 'group' | undefined {
  const { scope = 'group' } = ctx.query
  return scope === 'shard' || scope === 'group' ? scope : undefined
}

/** Renders the sorted lines of this shard, of the targets that it has when it is called. */
export type RenderLines = () => Promise<readonly string[]>

/**
 * The lines of this shard, for all of its partitions. Every list goes through this function, so
 * that no answer speaks for a partition that is not replayed, or that moved while it was rendered.
 */
export async function currentLines(
  { ownership, address }: Pick<Services, 'ownership' | 'address'>,
  render: RenderLines,
): Promise<ShardLines | Pending> {
  const spoken = ownership.spokenFor()
  if ('pending' in spoken) return spoken
  const lines = await render()
  if (!spoken.alive()) return { pending: 'partitions moved while the list was rendered' }
  return { address, partitions: spoken.partitions, lines }
}

/**
 * The lines of this shard. The request is held until all partitions of the shard are replayed; if
 * one moves while the lines are rendered, they are rendered again.
 */
export async function ownLines(
  ctx: Context,
  services: Pick<Services, 'ownership' | 'changes' | 'clock' | 'address' | 'responses'>,
  render: RenderLines,
): Promise<ShardLines | Pending> {
  const { ownership, clock } = services
  const request = waitingOf(ctx, services)
  const attempt = () => ownership.spokenFor()
  let ready = await holdForTurn(request, 'peers', services, attempt)
  while (!('pending' in ready)) {
    const lines = await currentLines(services, render)
    if (!('pending' in lines) || clock.now().mono >= request.deadline) return lines
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

/** Joins lines to one body, in chunks. @returns the number of lines */
export function* joined(
  head: string,
  lines: Iterable<string>,
  separator: string,
  tail: string,
): Rendering {
  let text = head
  let count = 0
  for (const line of lines) {
    text += count++ === 0 ? line : separator + line
    if (text.length < 60_000) continue
    yield Buffer.from(text)
    text = ''
  }
  yield Buffer.from(text + tail)
  return count
}
