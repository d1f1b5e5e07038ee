export interface ScrapeMemoryLimits {
  /** Memory of the pages that are being received and read, bytes. */
  readonly bodyBytes: number
  /** Memory of what is kept of the last pages of all targets, bytes. */
  readonly retainedBytes: number
}

/** Memory of one page, from its first byte until it has been read. */
export interface BodyMemory {
  /** @returns false if the pages of all targets exceed their limit */
  reserve(bytes: number): boolean
  release(): void
}

/**
 * Bounds the memory of the scrapes of all targets together. A scrape that waits for its response
 * holds none, so that targets that hang do not delay others.
 */
export class ScrapeMemory {
  readonly #retained = new Map<object, number>()
  #scrapes = 0
  #bodyBytes = 0
  #retainedBytes = 0

  constructor(private readonly limits: ScrapeMemoryLimits) {}

  /** Number of scrapes in progress. */
  get scrapes(): number {
    return this.#scrapes
  }

  get bodyBytes(): number {
    return this.#bodyBytes
  }

  get retainedBytes(): number {
    return this.#retainedBytes
  }

  /** The memory of a scrape, which its caller releases once. */
  begin(): BodyMemory {
    let held = 0
    this.#scrapes++
    return {
      reserve: bytes => {
        if (this.#bodyBytes + bytes > this.limits.bodyBytes) return false
        this.#bodyBytes += bytes
        held += bytes
        return true
      },
      release: () => {
        this.#bodyBytes -= held
        this.#scrapes--
      },
    }
  }

  /** Changes what is kept of one target. @returns false if all together exceed the limit */
  retain(owner: object, bytes: number): boolean {
    this.#retainedBytes += bytes - (this.#retained.get(owner) ?? 0)
    if (bytes > 0) this.#retained.set(owner, bytes)
    else this.#retained.delete(owner)
    return this.#retainedBytes <= this.limits.retainedBytes
  }
}
