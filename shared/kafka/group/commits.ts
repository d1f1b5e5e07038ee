import type { Committed } from '../start.js'

/**
 * The offsets that are to be committed: the newest one of each held partition.
 *
 * An offset never decreases while the partition is held, nor below the group's committed offset at
 * the assignment. Otherwise a late acknowledgement of an earlier assignment would rewind what
 * another member has committed since.
 */
export class Commits {
  readonly #floors = new Map<number, number>()
  readonly #pending = new Map<number, Committed>()
  /** Offsets that the group is known to have, of held partitions. */
  readonly #confirmed = new Map<number, number>()

  /**
   * The partition is assigned, or its log was replaced.
   *
   * @param committed the group's offset at that time; −1 if there is none
   */
  begin(partition: number, committed: number): void {
    this.#floors.set(partition, committed)
    this.#pending.delete(partition)
    this.#confirmed.set(partition, committed)
  }

  /** The partition is lost, or has no start position yet. Its pending offset is discarded. */
  end(partition: number): void {
    this.#floors.delete(partition)
    this.#pending.delete(partition)
    this.#confirmed.delete(partition)
  }

  /** The offset of a held partition that the group has for certain; −1 if it has none. */
  confirmed(partition: number): number {
    return this.#confirmed.get(partition) ?? -1
  }

  /** @throws RangeError if `offset` is not an offset */
  add(partition: number, offset: number, metadata: string): void {
    if (!Number.isSafeInteger(offset) || offset < 0)
      throw new RangeError(`${offset} is not an offset: use a non-negative integer`)
    const floor = this.#floors.get(partition)
    if (floor === undefined || offset <= floor) return
    this.#floors.set(partition, offset)
    this.#pending.set(partition, { offset, metadata })
  }

  get pending(): ReadonlyMap<number, Committed> {
    return new Map(this.#pending)
  }

  /** Removes what was committed; offsets added since then remain pending. */
  confirm(committed: ReadonlyMap<number, Committed>): void {
    for (const [partition, position] of committed) {
      if (this.#floors.has(partition)) this.#confirmed.set(partition, position.offset)
      if (this.#pending.get(partition) === position) this.#pending.delete(partition)
    }
  }
}
