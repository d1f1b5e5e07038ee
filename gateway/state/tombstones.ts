import type { Steps } from '../../shared/base/steps.js'
import { type Group, keyOf } from './group.js'
import type { Tombstone } from './machine.js'

/** How long a removed push group is remembered, ms of log time. */
const TOMBSTONE_AGE_MS = 600_000
const TOMBSTONE_OVERHEAD = 400
const PRUNED_PER_STEP = 2000

/** Push groups that were removed in the last ten minutes, in the order of their removal. */
export class Tombstones {
  readonly #byKey = new Map<string, Tombstone>()
  #bytes = 0

  get size(): number {
    return this.#byKey.size
  }

  /** Estimate of the memory. */
  get bytes(): number {
    return this.#bytes
  }

  all(): Iterable<Tombstone> {
    return this.#byKey.values()
  }

  /** Adds one of a snapshot. */
  restore({ labels, removedAt }: Tombstone): void {
    this.add({ key: keyOf(labels), labels }, removedAt)
  }

  add({ key, labels }: Pick<Group, 'key' | 'labels'>, removedAt: number): void {
    this.delete(key)
    this.#byKey.set(key, { labels, removedAt })
    this.#bytes += bytesOf(key)
  }

  /** The push group exists again. */
  delete(key: string): void {
    if (this.#byKey.delete(key)) this.#bytes -= bytesOf(key)
  }

  *prune(time: number): Steps<void> {
    let removed = 0
    for (const [key, { removedAt }] of this.#byKey) {
      if (removedAt >= time - TOMBSTONE_AGE_MS) return
      this.delete(key)
      if (++removed % PRUNED_PER_STEP === 0) yield
    }
  }
}

/** The key has the texts of the labels, which are kept besides. */
const bytesOf = (key: string) => TOMBSTONE_OVERHEAD + 4 * key.length
