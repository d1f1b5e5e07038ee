/** An offset, and the append time of a record shortly before it, Unix ms. */
export interface Position {
  readonly offset: number
  readonly time: number
}

/**
 * Up to where a partition was sent: the offset below which every sample was stored by the receiver,
 * or dropped for good.
 */
export class Progress {
  /** Items in order of reading; those below `#head` are settled. */
  #items: { readonly position: Position; readonly since: number; settled: boolean }[] = []
  #head = 0
  #position: Position

  /** @param position at which reading begins */
  constructor(position: Position) {
    this.#position = position
  }

  /** Where the next record is read, and the log time there. */
  get position(): Position {
    return this.#position
  }

  /** The records below were read. */
  read(position: Position): void {
    if (position.offset > this.#position.offset) this.#position = position
  }

  /**
   * Samples that hold the commit.
   *
   * @param position of their record; for samples without one, of the last record read
   * @param wall Unix ms
   * @returns to be called when they are settled
   */
  add(position: Position, wall: number): () => void {
    // Samples without a record are due now, however long ago the last record was.
    const hasRecord = position.offset >= this.#position.offset
    const item = { position, since: hasRecord ? position.time : wall, settled: false }
    this.#items.push(item)
    return () => {
      item.settled = true
    }
  }

  /** Number of items that are not settled, or that later ones wait for. */
  get size(): number {
    this.#advance()
    return this.#items.length - this.#head
  }

  /** Age of the oldest record that is not settled, ms. @param wall Unix ms */
  ageMs(wall: number): number {
    this.#advance()
    const oldest = this.#items[this.#head]
    return oldest ? Math.max(0, wall - oldest.since) : 0
  }

  /** What to commit. */
  get committable(): Position {
    this.#advance()
    return this.#items[this.#head]?.position ?? this.#position
  }

  #advance(): void {
    while (this.#head < this.#items.length && this.#items[this.#head].settled) this.#head++
    if (this.#head === this.#items.length || this.#head >= 4096) {
      this.#items.splice(0, this.#head)
      this.#head = 0
    }
  }
}
