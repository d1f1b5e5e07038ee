/**
 * Collects the parts of one target's snapshot until all have come.
 *
 * Holds the parts of one sequence at a time: a part of another means that the rest of the held one will not come, because a
 * producer writes the parts of a snapshot in order and together.
 */
export class Parts<T> {
  #sequence = -1
  #held: (T | undefined)[] = []
  #have = 0

  /** How many snapshots were given up incomplete since this was last called. */
  takeMissed(): number {
    const missed = this.#missed
    this.#missed = 0
    return missed
  }
  #missed = 0

  /** @returns all parts in order when this one was the last to come, else null */
  offer(sequence: number, part: number, parts: number, payload: T): T[] | null {
    if (sequence !== this.#sequence || parts !== this.#held.length) this.#begin(sequence, parts)
    if (this.#held[part] === undefined) this.#have++
    this.#held[part] = payload
    if (this.#have < parts) return null
    const complete = this.#held as T[]
    this.#held = []
    this.#have = 0
    return complete
  }

  /** What is held, to be released by whoever counts. */
  *pending(): Iterable<T> {
    for (const payload of this.#held) if (payload !== undefined) yield payload
  }

  #begin(sequence: number, parts: number): void {
    if (this.#have > 0) this.#missed++
    this.#sequence = sequence
    this.#held = new Array<T | undefined>(parts).fill(undefined)
    this.#have = 0
  }
}
