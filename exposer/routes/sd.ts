import type { Context } from 'koa'
import { mapInSlices } from '../../shared/base/slices.js'
import { sayWhy } from '../../shared/http/say-why.js'
import { withOriginalNames } from '../core/discovery.js'
import { PARTITIONS_HEADER } from '../group/peers.js'
import type { ScrapeResult } from '../telemetry/scrape-result.js'
import { send } from './answer.js'
import { GroupList } from './group-list.js'
import { waitingOf } from './hold.js'
import { isKnown, tagOf } from './list-tag.js'
import { acceptsLines, joined, ownLines, scopeOf, sendLines, UNKNOWN_SCOPE } from './lists.js'
import type { Services } from './services.js'
import { TargetLines } from './target-lines.js'
import { listInTurn } from './turn.js'

/**
 * `/sd`: all virtual targets of the group, in the format of Prometheus's HTTP service discovery.
 *
 * The list is complete or the response is 503. Prometheus keeps its targets after a 503, but drops
 * those that are missing from a list.
 */
export function sd(services: Services) {
  const lines = new TargetLines(services)
  const own = () => lines.render()
  const list = new GroupList('/sd', own, services)
  return async (ctx: Context): Promise<ScrapeResult | undefined> => {
    const scope = scopeOf(ctx)
    if (!scope) return sayWhy(ctx, 400, UNKNOWN_SCOPE)
    if (scope === 'shard') {
      const lines = await ownLines(ctx, services, own)
      if ('pending' in lines) return sayWhy(ctx, 503, lines.pending)
      services.lists.send(lines.lines, ctx.res)
      if (acceptsLines(ctx)) return sendLines(ctx, lines)
      ctx.set(PARTITIONS_HEADER, lines.partitions.join(','))
      return sendList(ctx, lines.lines)
    }
    const request = waitingOf(ctx, services)
    const merged = await listInTurn(request, services, () => list.get(request.deadline, ctx.res))
    if ('pending' in merged) return sayWhy(ctx, 503, `the list is incomplete: ${merged.pending}`)
    ctx.vary('User-Agent')
    const listed = acceptsAnyName(ctx) ? await originalNames(merged.lines) : merged.lines
    services.lists.send(listed, ctx.res)
    return sendList(ctx, listed)
  }
}

/** Prometheus 3 accepts label names of any characters. Other clients may not. */
const acceptsAnyName = (ctx: Context) =>
  Number(/^Prometheus\/(\d+)\./.exec(ctx.get('user-agent'))?.[1]) >= 3

/** Lists for Prometheus 3, by the lists from which they were made. */
const original = new WeakMap<readonly string[], Promise<readonly string[]>>()

function originalNames(lines: readonly string[]): Promise<readonly string[]> {
  const known = original.get(lines) ?? renamed(lines)
  original.set(lines, known)
  return known
}

/** @returns the same list if it has no escaped names: it takes no memory then */
async function renamed(lines: readonly string[]): Promise<readonly string[]> {
  const named = await mapInSlices(lines, withOriginalNames)
  return named.every((line, i) => line === lines[i]) ? lines : named
}

async function sendList(ctx: Context, lines: readonly string[]): Promise<ScrapeResult | undefined> {
  const tag = await tagOf(lines)
  ctx.set('ETag', tag)
  if (isKnown(tag, ctx.get('if-none-match'))) {
    ctx.status = 304
    return undefined
  }
  return send(ctx, 'application/json; charset=utf-8', () => joined('[\n', lines, ',\n', '\n]\n'))
}
