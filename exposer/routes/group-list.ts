import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { mergeInSlices } from '../../shared/base/slices.js'
import { goneSignal } from '../../shared/http/client-gone.js'
import type { Pending } from '../group/ownership.js'
import { completeAnswers, requestShards, type ShardLines } from '../group/peers.js'
import { currentLines, type RenderLines } from './lists.js'
import type { Services } from './services.js'

/** The lines of all shards of the group. */
export interface MergedList {
  readonly answers: readonly ShardLines[]
  /** Lines of all shards, sorted. */
  readonly lines: readonly string[]
}

const CACHE_MS = 1000
/**
 * Interval between requests while the list is incomplete: other shards do not report their changes.
 */
const RETRY_MS = 250

/**
 * The list of the whole group at one path. Concurrent requests share one, and it is cached for a
 * second.
 */
export class GroupList {
  #cached: { readonly list: MergedList; readonly at: number } | undefined
  #request: Promise<MergedList | Pending> | undefined

  /** @param render renders the lines of this shard */
  constructor(
    private readonly path: string,
    private readonly render: RenderLines,
    private readonly services: Pick<
      Services,
      'ownership' | 'group' | 'changes' | 'peers' | 'clock' | 'address' | 'lists'
    >,
  ) {}

  /** The complete list, or after `deadline` (monotonic ms) the reason why there is none. */
  async get(deadline: number, response: ServerResponse): Promise<MergedList | Pending> {
    const { clock, changes } = this.services
    const gone = goneSignal(response)
    let reason: Pending = { pending: 'not all shards have answered yet' }
    for (;;) {
      const now = clock.now().mono
      if (this.#cached && now - this.#cached.at < CACHE_MS) return this.#cached.list
      this.#request ??= this.#fetch(response.req.headers.authorization).finally(() => {
        this.#request = undefined
      })
      const list = (await settledWithin(this.#request, deadline - now, gone)) ?? reason
      if (!('pending' in list)) return list
      reason = list
      const left = deadline - clock.now().mono
      if (left <= 0 || gone.aborted || changes.closed) return list
      await changes.next(Math.min(left, RETRY_MS), gone)
    }
  }

  /** @param authorization of the first request; all authorized users may see the same list */
  async #fetch(authorization: string | undefined): Promise<MergedList | Pending> {
    const { ownership, group, address, clock, peers, lists } = this.services
    const pending = ownership.listPendingReason()
    if (pending) return { pending }
    const map = group.map()
    if (!map) return { pending: 'the owners of the partitions are not known yet' }
    const at = clock.now().mono
    const own = { address, lines: () => currentLines(this.services, this.render) }
    const reservation = lists.reservation()
    const { reserve } = reservation
    const access = { peers, authorization, reserve }
    const answered = await requestShards(map, this.path, own, access).finally(reservation.end)
    const answers = completeAnswers(answered, map.partitionCount)
    if ('pending' in answers) return answers
    const lines = await mergeInSlices(answers.map(answer => answer.lines))
    const change = this.#changeSince(map)
    if (change) return { pending: change }
    const list = { answers, lines }
    this.#cache(list, at)
    return list
  }

  /** Caches a list for a short time, if there is memory for it. */
  #cache(list: MergedList, at: number): void {
    const { lists } = this.services
    if (this.#cached) lists.uncache(this.#cached.list.lines)
    const expiry = setTimeout(() => lists.uncache(list.lines), CACHE_MS).unref()
    const drop = () => {
      clearTimeout(expiry)
      this.#cached = undefined
    }
    if (lists.cache(list.lines, drop)) this.#cached = { list, at }
    else clearTimeout(expiry)
  }

  /**
   * A partition that moved during the requests may be missing from the answers, or be in two of
   * them.
   */
  #changeSince(map: object): string | undefined {
    return this.services.group.map() === map ? undefined : 'partitions moved during the request'
  }
}

/** Another request may go on waiting for the list when this one has to be answered. */
async function settledWithin<T>(
  list: Promise<T>,
  ms: number,
  gone: AbortSignal,
): Promise<T | undefined> {
  const end = new AbortController()
  const late = delay(Math.max(0, ms), undefined, { signal: AbortSignal.any([gone, end.signal]) })
  const nothing = () => undefined
  try {
    return await Promise.race([list, late.then(nothing, nothing)])
  } finally {
    end.abort()
  }
}
