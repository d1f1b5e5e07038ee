import type { Steps } from '../../../shared/base/steps.js'
import { GroupCache } from '../../state/group-cache.js'
import type { PushedFamily } from '../../state/types.js'
import { BUCKETS, parseGroupName } from './buckets.js'
import { decodeFamily } from './families.js'
import type { GroupEntry, GroupReply } from './replies.js'
import type { IngestedSeries } from './series.js'

/** What a gateway has read of a bucket. */
interface BucketState {
  /** Version of the bucket, once everything that it contains has been read. */
  version: string
  seriesVersion: string
  wiped: string
  /** Version and age of the push groups that have been read. */
  readonly groups: Map<string, { readonly version: string; readonly since: number }>
}

/** Everything that this gateway has read, decoded, and in which version. */
export class CachedGroups {
  readonly content = new GroupCache()
  readonly #buckets: readonly BucketState[] = Array.from({ length: BUCKETS }, () => ({
    version: '',
    seriesVersion: '',
    wiped: '',
    groups: new Map(),
  }))

  /** @param onMalformed called for each push group that cannot be decoded */
  constructor(private readonly onMalformed: () => void) {}

  /** Estimated memory. */
  get bytes(): number {
    return this.content.held().bytes
  }

  bucket(bucket: number): BucketState {
    return this.#buckets[bucket]
  }

  /**
   * Removes push groups that do not exist any more.
   *
   * @returns the names of those that have to be read
   */
  *setIndex(
    bucket: number,
    index: ReadonlyMap<string, GroupEntry>,
    time: number,
  ): Steps<{ readonly name: string; readonly entry: GroupEntry }[]> {
    const { groups } = this.#buckets[bucket]
    for (const name of [...groups.keys()]) {
      const entry = index.get(name)
      if (entry && entry.expiresAt > time) continue
      yield* this.#remove(bucket, name)
      yield
    }
    const missing = []
    for (const [name, entry] of index)
      if (entry.expiresAt > time && groups.get(name)?.version !== entry.version)
        missing.push({ name, entry })
    return missing
  }

  /** Stores push groups that were read. @param replies undefined for one that does not exist */
  *setGroups(
    bucket: number,
    names: readonly string[],
    replies: readonly (GroupReply | undefined)[],
  ): Steps<void> {
    for (const [i, name] of names.entries()) {
      const reply = replies[i]
      if (reply) yield* this.#setGroup(bucket, name, reply)
      else yield* this.#remove(bucket, name)
      yield
    }
  }

  *#setGroup(bucket: number, name: string, { entry, families }: GroupReply): Steps<void> {
    const { groups } = this.#buckets[bucket]
    // Its families must not count as older than the push group is.
    if (groups.get(name)?.since !== entry.since) yield* this.#remove(bucket, name)
    const labels = parseGroupName(name)
    try {
      if (!labels) throw new Error('the name of a push group is malformed')
      const { pushedAt, failedAt, expiresAt, since } = entry
      const times = { pushedAt, failedAt, expiresAt, since }
      yield* this.content.set({ labels, families: families.map(decodeFamily), ...times })
    } catch {
      this.onMalformed()
      if (labels) yield* this.content.remove(labels)
    }
    // What is malformed is not read again either, until it changes.
    const { version, since } = entry
    groups.set(name, { version, since })
  }

  *#remove(bucket: number, name: string): Steps<void> {
    if (!this.#buckets[bucket].groups.delete(name)) return
    const labels = parseGroupName(name)
    if (labels) yield* this.content.remove(labels)
  }

  *setSeries(series: readonly IngestedSeries[]): Steps<void> {
    for (const { family, expiresAt } of familiesOf(series)) {
      yield* this.content.setIngested(family, expiresAt)
      yield
    }
  }

  /** Removes all series, so that they are read again. */
  *clearSeries(): Steps<void> {
    for (const state of this.#buckets) state.seriesVersion = ''
    yield* this.content.clearIngested()
  }
}

/** Series of one family with one expiry together. */
function familiesOf(
  series: readonly IngestedSeries[],
): { readonly family: PushedFamily; readonly expiresAt: number }[] {
  const lists = new Map<string, IngestedSeries[]>()
  for (const one of series) {
    const key = JSON.stringify([one.family, one.type, one.help, one.expiresAt])
    const list = lists.get(key)
    if (list) list.push(one)
    else lists.set(key, [one])
  }
  return [...lists.values()].map(list => ({
    family: {
      name: list[0].family,
      type: list[0].type,
      help: list[0].help,
      series: list.map(({ text }) => `${text}\n`).join(''),
      values: Float64Array.from(list, ({ value }) => value),
    },
    expiresAt: list[0].expiresAt,
  }))
}
