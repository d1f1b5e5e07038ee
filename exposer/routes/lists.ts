import type { Context } from 'koa'
import { LINES_TYPE, PARTITIONS_HEADER, type ShardLines } from '../group/peers.js'
import { heldUntil, type Rendering, send } from './answer.js'
import { settle, type Waiting } from './hold.js'
import type { Services } from './services.js'

/** `?scope=`: this shard alone, or all shards of the group. */
export function scopeOf(ctx: Context): 'shard' | 'group' | undefined {
  const { scope = 'group' } = ctx.query
  return scope === 'shard' || scope === 'group' ? scope : undefined
}

/**
 * This shard's lines, held until all of its partitions are there, and only if they stayed there while the lines were made.
 */
export async function ownLines(
  ctx: Context,
  services: Pick<Services, 'ownership' | 'changes' | 'clock'>,
  lines: () => Promise<ShardLines>,
): Promise<ShardLines | Waiting> {
  const { ownership } = services
  const request = { until: heldUntil(ctx, services), response: ctx.res }
  for (;;) {
    const settled = await settle<{ alive(): boolean }>(request, services, () => {
      const pending = ownership.unsettledWhole()
      return pending === undefined ? { alive: ownership.hold() } : { wait: pending }
    })
    if ('wait' in settled) return settled
    const made = await lines()
    if (settled.alive()) return made
  }
}

/** Whether another shard asks, which wants lines and no JSON. */
export function wantsLines(ctx: Context): boolean {
  return ctx.accepts('application/json', LINES_TYPE) === LINES_TYPE
}

export function sendLines(ctx: Context, { partitions, lines }: ShardLines) {
  ctx.set(PARTITIONS_HEADER, partitions.join(','))
  return send(ctx, LINES_TYPE, () => joined('', lines, '\n', '\n'))
}

/** Lines as one body, in chunks. */
export function* joined(head: string, lines: readonly string[], separator: string, tail: string): Rendering {
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
