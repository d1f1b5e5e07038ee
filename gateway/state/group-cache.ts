import type { Steps } from '../../shared/base/steps.js'
import type { Label } from '../../shared/metrics/model.js'
import { exposed } from './expose.js'
import { GroupTable, type Update } from './group-table.js'
import type { PushedFamily } from './types.js'
import { candidatesOf, updateOf, withoutRepeats } from './updates.js'
import type { Held, PushView } from './view.js'

/** A push group as a store that keeps it elsewhere has read it. */
export interface ReadGroup {
  /** The grouping key, sorted by name. */
  readonly labels: readonly Label[]
  readonly families: readonly PushedFamily[]
  /** Unix ms; 0: never. */
  readonly pushedAt: number
  /** Unix ms; 0: never. */
  readonly failedAt: number
  /** Unix ms; Infinity: never. */
  readonly expiresAt: number
  /** Orders push groups that are in conflict: the lowest is exposed. */
  readonly since: number
}

/**
 * Push groups that a store keeps elsewhere, as this process has read them last: what is unchanged
 * is decoded once. Conflicts between push groups are left out of views and counted.
 */
export class GroupCache {
  readonly #table = new GroupTable()

  held(): Held {
    return this.#table.held()
  }

  /** Stores what was read of a push group, in place of what was read before. */
  *set({ labels, families, since, ...times }: ReadGroup): Steps<void> {
    const group = this.#table.ensure(labels)
    const updates: Update[] = []
    for (const candidate of yield* candidatesOf(group, families)) {
      const { candidate: kept, repeats } = yield* withoutRepeats(candidate)
      updates.push(updateOf(group, kept, { offset: since, time: times.pushedAt, repeats }))
      yield
    }
    this.#table.beforeChange(group)
    Object.assign(group, times)
    yield* this.#table.store(group, updates, 'remove')
  }

  *remove(labels: readonly Label[]): Steps<void> {
    const group = this.#table.get(labels)
    if (group) yield* this.#table.remove(group)
  }

  /** @param expiresAt Unix ms; Infinity: never */
  setIngested(family: PushedFamily, expiresAt: number): Steps<void> {
    return this.#table.ingested.set(family, expiresAt, 0)
  }

  /** Removes the ingested series that are due. @returns their number */
  expireIngested(now: number): Steps<number> {
    return this.#table.ingested.expire(now)
  }

  clearIngested(): Steps<void> {
    return this.#table.ingested.clear()
  }

  /** @param time Unix ms; what is due is hidden */
  view(time: number): PushView {
    return exposed(this.#table, time)
  }
}
