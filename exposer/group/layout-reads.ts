import { runInSlices } from '../../shared/base/steps.js'
import type { UnreadLayout } from '../core/apply.js'
import type { Shard } from '../core/shard.js'
import type { LayoutReading } from '../core/store/store.js'

/**
 * Reads layouts in slices. A layout that is being read for another partition is not read twice.
 */
export class LayoutReads {
  /** By layout id. */
  readonly #reading = new Map<string, Promise<unknown>>()

  constructor(private readonly shard: Pick<Shard, 'readLayout'>) {}

  /** @returns undefined if the layout was read for somebody else: it may be known now */
  async read(unread: UnreadLayout): Promise<LayoutReading | undefined> {
    const { id } = unread
    const other = this.#reading.get(id)
    if (other) {
      await other
      return undefined
    }
    const own = runInSlices(this.shard.readLayout(unread))
    this.#reading.set(id, own)
    try {
      return await own
    } finally {
      this.#reading.delete(id)
    }
  }
}
