import type { ServerResponse } from 'node:http'
import { mergeInSlices } from '../../shared/base/slices.js'
import { goneSignal } from '../../shared/http/client-gone.js'
import { askShards, incomplete, type ShardAnswer, type ShardLines } from '../group/peers.js'
import type { Waiting } from './hold.js'
import type { Services } from './services.js'

/** A list of the whole group. */
export interface Whole {
  readonly answers: readonly ShardAnswer[]
  /** Of all shards, sorted. */
  readonly lines: readonly string[]
}

/** Part of a list, and what is missing. */
export interface Incomplete extends Waiting, Whole {}

const KEEP_MS = 1000
/** What others are doing is not told to us: how often to ask again while their answers are not complete. */
const RETRY_MS = 250

/**
 * One list of the targets of all shards: asked for once for all who want it, and good for a second.
 */
export class GroupList {
  #whole: { readonly list: Whole; readonly at: number } | undefined
  #asking: Promise<Whole | Incomplete | Waiting> | undefined

  /** @param lines this shard's own */
  constructor(
    private readonly path: string,
    private readonly lines: () => Promise<ShardLines>,
    private readonly services: Pick<
      Services,
      'ownership' | 'group' | 'changes' | 'peers' | 'clock' | 'address'
    >,
  ) {}

  /**
   * The whole list, tried for until `until` (monotonic ms); then what there is of it, or only what is missing.
   */
  async get(until: number, response: ServerResponse): Promise<Whole | Incomplete | Waiting> {
    const { clock, changes } = this.services
    const gone = goneSignal(response)
    for (;;) {
      const now = clock.now().mono
      if (this.#whole && now - this.#whole.at < KEEP_MS) return this.#whole.list
      this.#asking ??= this.#ask(response.req.headers.authorization).finally(() => {
        this.#asking = undefined
      })
      const list = await this.#asking
      if (!('wait' in list)) return list
      const left = until - clock.now().mono
      if (left <= 0 || gone.aborted || changes.closed) return list
      await changes.next(Math.min(left, RETRY_MS), gone)
    }
  }

  /** @param authorization of whoever asks first: all who may ask may see the same */
  async #ask(authorization: string | undefined): Promise<Whole | Incomplete | Waiting> {
    const { ownership, group, address, clock, peers } = this.services
    const pending = ownership.unsettled()
    if (pending) return { wait: pending }
    const map = group.map()
    if (!map) return { wait: 'the map of the group is not known yet' }
    const at = clock.now().mono
    const answers = await askShards(map, this.path, { address, lines: this.lines }, { peers, authorization })
    const lines = await mergeInSlices(answers.map(answer => ('lines' in answer ? answer.lines : [])))
    const missing = incomplete(answers, map.partitionCount) ?? this.#changedSince(map)
    if (missing) return { wait: missing, answers, lines }
    this.#whole = { list: { answers, lines }, at }
    return this.#whole.list
  }

  /** Partitions that moved while we asked may have been missed, or seen twice. */
  #changedSince(map: object): string | undefined {
    return this.services.group.map() === map ? undefined : 'the group changed meanwhile'
  }
}
