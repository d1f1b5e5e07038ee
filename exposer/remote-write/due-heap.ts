interface Entry<T> {
  readonly at: number
  readonly value: T
}

/** Values by the time at which they are due. A value may be added several times. */
export class DueHeap<T> {
  readonly #entries: Entry<T>[] = []

  get size(): number {
    return this.#entries.length
  }

  add(at: number, value: T): void {
    const entries = this.#entries
    const entry = { at, value }
    let i = entries.length
    entries.push(entry)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (entries[parent].at <= at) break
      entries[i] = entries[parent]
      i = parent
    }
    entries[i] = entry
  }

  /** Removes the first value if it is due at `now`. */
  next(now: number): Entry<T> | undefined {
    const entries = this.#entries
    const [first] = entries
    if (!first || first.at > now) return undefined
    const last = entries.pop()!
    if (entries.length > 0) {
      let i = 0
      for (;;) {
        let child = 2 * i + 1
        if (child >= entries.length) break
        if (child + 1 < entries.length && entries[child + 1].at < entries[child].at) child++
        if (entries[child].at >= last.at) break
        entries[i] = entries[child]
        i = child
      }
      entries[i] = last
    }
    return first
  }
}
