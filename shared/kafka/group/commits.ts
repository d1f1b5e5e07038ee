import type { Committed } from '../start.js'

/**
 * The positions that are to be committed: the newest of each held partition.
 *
 * A position never goes back within one tenure of a partition, nor behind what had been committed when the tenure began: a
 * late acknowledgement of an earlier tenure would otherwise rewind what another member has committed meanwhile.
 */
export class Commits {
  readonly #floors = new Map<number, number>()
  readonly #pending = new Map<number, Committed>()

  /** A tenure begins. @param committed the group's offset at that time; −1 when there is none */
  begin(partition: number, committed: number): void {
    this.#floors.set(partition, committed)
    this.#pending.delete(partition)
  }

  /** The partition is not ours any more, or has no position yet: what is pending for it will not be committed. */
  end(partition: number): void {
    this.#floors.delete(partition)
    this.#pending.delete(partition)
  }

  /** @throws RangeError when that is no offset */
  add(partition: number, offset: number, metadata: string): void {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`${offset} is not an offset`)
    const floor = this.#floors.get(partition)
    if (floor === undefined || offset <= floor) return
    this.#floors.set(partition, offset)
    this.#pending.set(partition, { offset, metadata })
  }

  get pending(): ReadonlyMap<number, Committed> {
    return new Map(this.#pending)
  }

  /** These were committed; what has been added since remains pending. */
  confirm(committed: ReadonlyMap<number, Committed>): void {
    for (const [partition, position] of committed) {
      if (this.#pending.get(partition) === position) this.#pending.delete(partition)
    }
  }
}
