import { runInSlices } from '../../shared/base/steps.js'
import type { UnreadContent } from '../core/apply.js'
import type { Shard } from '../core/shard.js'
import type { Reading } from '../core/store/layout-reading.js'

/**
 * Reads in slices what records need. A layout that is being read for another partition is not read
 * twice.
 */
export class Reads {
  /** By layout id. */
  readonly #layouts = new Map<string, Promise<unknown>>()

  constructor(private readonly shard: Pick<Shard, 'read'>) {}

  /** @returns undefined if the layout was read for another partition: it may be known now */
  async read(unread: UnreadContent): Promise<Reading | undefined> {
    if (unread.kind === 'body') return runInSlices(this.shard.read(unread))
    const { id } = unread
    const other = this.#layouts.get(id)
    if (other) {
      await other
      return undefined
    }
    const own = runInSlices(this.shard.read(unread))
    this.#layouts.set(id, own)
    try {
      return await own
    } finally {
      this.#layouts.delete(id)
    }
  }
}
