import type { ServerResponse } from 'node:http'
import { mergeInSlices } from '../../shared/base/slices.js'
import { goneSignal } from '../../shared/http/client-gone.js'
import { findGap, requestShards, type ShardAnswer, type ShardLines } from '../group/peers.js'
import type { Pending } from './hold.js'
import type { Services } from './services.js'

/** The lines of all shards of the group. */
export interface MergedList {
  readonly answers: readonly ShardAnswer[]
  /** Lines of all shards, sorted. */
  readonly lines: readonly string[]
}

/** A list that lacks partitions; `pending` is the reason. */
export interface PartialList extends Pending, MergedList {}

const CACHE_MS = 1000
/**
 * Interval between requests while the list is partial: other shards do not report their changes.
 */
const RETRY_MS = 250

/**
 * The list of the whole group at one path. Concurrent requests share one, and it is cached for a
 * second.
 */
export class GroupList {
  #cached: { readonly list: MergedList; readonly at: number } | undefined
  #request: Promise<MergedList | PartialList | Pending> | undefined

  /** @param lines the lines of this shard */
  constructor(
    private readonly path: string,
    private readonly lines: () => Promise<ShardLines>,
    private readonly services: Pick<
      Services,
      'ownership' | 'group' | 'changes' | 'peers' | 'clock' | 'address'
    >,
  ) {}

  /**
   * The complete list, or after `deadline` (monotonic ms) the partial one, or the reason why there
   * is none.
   */
  async get(
    deadline: number,
    response: ServerResponse,
  ): Promise<MergedList | PartialList | Pending> {
    const { clock, changes } = this.services
    const gone = goneSignal(response)
    for (;;) {
      const now = clock.now().mono
      if (this.#cached && now - this.#cached.at < CACHE_MS) return this.#cached.list
      this.#request ??= this.#fetch(response.req.headers.authorization).finally(() => {
        this.#request = undefined
      })
      const list = await this.#request
      if (!('pending' in list)) return list
      const left = deadline - clock.now().mono
      if (left <= 0 || gone.aborted || changes.closed) return list
      await changes.next(Math.min(left, RETRY_MS), gone)
    }
  }

  /** @param authorization of the first request; all authorized users may see the same list */
  async #fetch(authorization: string | undefined): Promise<MergedList | PartialList | Pending> {
    const { ownership, group, address, clock, peers } = this.services
    const pending = ownership.pendingReason()
    if (pending) return { pending }
    const map = group.map()
    if (!map) return { pending: 'the owners of the partitions are not known yet' }
    const at = clock.now().mono
    const own = { address, lines: this.lines }
    const answers = await requestShards(map, this.path, own, { peers, authorization })
    const lines = await mergeInSlices(
      answers.map(answer => ('lines' in answer ? answer.lines : [])),
    )
    const gap = findGap(answers, map.partitionCount) ?? this.#changeSince(map)
    if (gap) return { pending: gap, answers, lines }
    this.#cached = { list: { answers, lines }, at }
    return this.#cached.list
  }

  /**
   * A partition that moved during the requests may be missing from the answers, or be in two of
   * them.
   */
  #changeSince(map: object): string | undefined {
    return this.services.group.map() === map ? undefined : 'partitions moved during the request'
  }
}
