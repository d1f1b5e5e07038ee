/** Where a scraper of the view `all` is. */
export interface Cursor {
  /** Position of the last snapshot that was written to it. */
  at: number
  /** Monotonic ms of its last scrape. */
  askedAt: number
}

/** Who scrapes the view `all`, by the names that they give themselves. */
export class Cursors {
  readonly #cursors = new Map<string, Cursor>()

  constructor(private readonly options: { readonly maxScrapers: number; readonly maxAgeMs: number }) {}

  get size(): number {
    return this.#cursors.size
  }

  get names(): string[] {
    return [...this.#cursors.keys()]
  }

  /** Up to here everybody has had everything; Infinity when there is nobody. */
  get slowest(): number {
    let slowest = Number.POSITIVE_INFINITY
    for (const { at } of this.#cursors.values()) slowest = Math.min(slowest, at)
    return slowest
  }

  get(name: string): Cursor | undefined {
    return this.#cursors.get(name)
  }

  /** Undefined when there are as many as there may be. */
  add(name: string, at: number): Cursor | undefined {
    if (this.#cursors.size >= this.options.maxScrapers) return undefined
    const cursor = { at, askedAt: 0 }
    this.#cursors.set(name, cursor)
    return cursor
  }

  /** How many have not had what is at this position. */
  behind(position: number): number {
    let count = 0
    for (const { at } of this.#cursors.values()) if (at < position) count++
    return count
  }

  /** Takes out those that have not asked for as long as anything is shown. */
  expire(mono: number): Cursor[] {
    const gone: Cursor[] = []
    for (const [name, cursor] of this.#cursors) {
      if (mono - cursor.askedAt <= this.options.maxAgeMs) continue
      this.#cursors.delete(name)
      gone.push(cursor)
    }
    return gone
  }
}
