/** Progress of one scraper of the view `all`. */
export interface Cursor {
  /** Position of the last snapshot that was written to it. */
  position: number
  /** Monotonic ms of its last scrape. */
  scrapedAt: number
}

/** The scrapers of the view `all`, by the parameter `scraper`. */
export class Cursors {
  readonly #cursors = new Map<string, Cursor>()

  constructor(
    private readonly options: { readonly maxScrapers: number; readonly maxAgeMs: number },
  ) {}

  get size(): number {
    return this.#cursors.size
  }

  get names(): string[] {
    return [...this.#cursors.keys()]
  }

  /**
   * The lowest position: snapshots up to it were written to all scrapers. Infinity without
   * scrapers.
   */
  get slowest(): number {
    let slowest = Number.POSITIVE_INFINITY
    for (const { position } of this.#cursors.values()) slowest = Math.min(slowest, position)
    return slowest
  }

  get(name: string): Cursor | undefined {
    return this.#cursors.get(name)
  }

  /** Undefined when the maximum number of scrapers is reached. */
  add(name: string, position: number): Cursor | undefined {
    if (this.#cursors.size >= this.options.maxScrapers) return undefined
    const cursor = { position, scrapedAt: 0 }
    this.#cursors.set(name, cursor)
    return cursor
  }

  /** Number of scrapers to which the snapshot at this position was not written yet. */
  behind(position: number): number {
    let count = 0
    for (const cursor of this.#cursors.values()) if (cursor.position < position) count++
    return count
  }

  /** Removes and returns the scrapers without a scrape for `maxAgeMs`. */
  expire(mono: number): Cursor[] {
    const gone: Cursor[] = []
    for (const [name, cursor] of this.#cursors) {
      if (mono - cursor.scrapedAt <= this.options.maxAgeMs) continue
      this.#cursors.delete(name)
      gone.push(cursor)
    }
    return gone
  }
}
