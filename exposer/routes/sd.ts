import { createHash } from 'node:crypto'
import type { Context } from 'koa'
import { Slice } from '../../shared/base/scheduling.js'
import { mapInSlices } from '../../shared/base/slices.js'
import { sayWhy } from '../../shared/http/say-why.js'
import { sdGroups, withOriginalNames } from '../core/discovery.js'
import type { Target } from '../core/target.js'
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

/** Tags of lists that may be requested again within the second for which they are cached. */
const tags = new WeakMap<readonly string[], Promise<string>>()

async function sendList(ctx: Context, lines: readonly string[]): Promise<ScrapeResult | undefined> {
  const pending = tags.get(lines) ?? tagOf(lines)
  tags.set(lines, pending)
  const tag = await pending
  ctx.set('ETag', tag)
  if (isKnown(tag, ctx.get('if-none-match'))) {
    ctx.status = 304
    return undefined
  }
  return send(ctx, 'application/json; charset=utf-8', () => joined('[\n', lines, ',\n', '\n]\n'))
}

/** Whether the client has the list already. Proxies may mark the tag as weak, or as strong. */
function isKnown(tag: string, ifNoneMatch: string): boolean {
  const known = ifNoneMatch.split(',').map(text => text.trim().replace(/^W\//, ''))
  return known.includes(tag.replace(/^W\//, ''))
}

/** Weak, because the same list may be sent compressed. */
async function tagOf(lines: readonly string[]): Promise<string> {
  const hash = createHash('sha1')
  const slice = new Slice()
  const chunks = joined('', lines, '\n', '')
  for (let chunk = chunks.next(); ; chunk = chunks.next()) {
    if (chunk.done) return `W/"${hash.digest('base64url')}"`
    hash.update(chunk.value)
    if (slice.isOver()) await slice.next()
  }
}

interface Line {
  readonly intervalMs: number
  readonly text: string
  readonly dropped: number
  readonly escaped: number
}

/**
 * The lines of this shard. A short line of a target is kept: it changes only with the interval.
 */
class TargetLines {
  readonly #lines = new WeakMap<Target, Line>()

  constructor(private readonly services: Services) {}

  render(): Promise<readonly string[]> {
    const { shard, clock, telemetry, lists } = this.services
    const now = clock.now()
    return lists.render(target => {
      if (target.intervalMs === 0 || shard.judge(target, now).state === 'ended') return []
      const { text, dropped, escaped } = this.#lineOf(target)
      if (dropped > 0) telemetry.droppedLabels.inc(dropped)
      if (escaped > 0) telemetry.escapedLabels.inc(escaped)
      return [text]
    })
  }

  #lineOf(target: Target): Line {
    const known = this.#lines.get(target)
    if (known?.intervalMs === target.intervalMs) return known
    const { externalUrl, address } = this.services
    const { intervalMs } = target
    let dropped = 0
    let escaped = 0
    const labels = Object.fromEntries(target.labels.map(({ name, value }) => [name, value]))
    const [group] = sdGroups([{ state: 'up', intervalMs, labels }], {
      externalUrl: externalUrl ?? address,
      onDropped: () => dropped++,
      onEscaped: () => escaped++,
    })
    const line = { intervalMs, text: JSON.stringify(group), dropped, escaped }
    if (target.keepsListed(line.text)) this.#lines.set(target, line)
    return line
  }
}
