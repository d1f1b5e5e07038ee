import type { Label } from '../../shared/metrics/model.js'
import type { PushedFamily } from '../state/types.js'
import { type BodyFormat, BodyReader } from './body-reader.js'
import { PushReader, type PushReaderOptions } from './push-reader.js'

/** Overhead of a reader and its entry, bytes. */
const ENTRY_BYTES = 2048
/** Share of the memory for readers of jobs. */
const SHARED = 1 / 4

/**
 * Readers by push group: a group that is pushed again mostly has the same series, and so have the
 * groups of one job, whose bodies are read by one reader. The least recently used ones are dropped
 * when they need more memory than allowed.
 */
export class PushReaders {
  readonly #groups: RecentlyUsed<PushReader>
  readonly #jobs: RecentlyUsed<BodyReader>

  constructor(
    private readonly options: PushReaderOptions,
    maxBytes: number,
  ) {
    this.#groups = new RecentlyUsed(maxBytes * (1 - SHARED))
    this.#jobs = new RecentlyUsed(maxBytes * SHARED)
  }

  get bytes(): number {
    return this.#groups.bytes + this.#jobs.bytes
  }

  /**
   * @param key of the push group: equal for equal labels
   * @param grouping null for series that are ingested
   * @throws RefusedPush
   */
  async read(
    key: string,
    grouping: readonly Label[] | null,
    format: BodyFormat,
    body: Buffer,
  ): Promise<PushedFamily[]> {
    const id = `${format} ${key}`
    const job = grouping?.find(({ name }) => name === 'job')?.value
    const jobId = job === undefined ? id : `${format} ${job}`
    const shared = this.#jobs.take(jobId) ?? new BodyReader(format, this.options.limits)
    // Others that arrive while a long body is read share it, too.
    this.#jobs.put(jobId, shared)
    const reader = this.#groups.take(id) ?? new PushReader(grouping, format, this.options, shared)
    const families = await reader.read(body)
    this.#groups.put(id, reader)
    this.#jobs.put(jobId, shared)
    return families
  }
}

interface Entry<T> {
  readonly item: T
  readonly bytes: number
}

/** Items in the order of their last use. */
class RecentlyUsed<T extends { readonly retainedBytes: number }> {
  readonly #entries = new Map<string, Entry<T>>()
  bytes = 0

  constructor(private readonly maxBytes: number) {}

  take(id: string): T | undefined {
    const entry = this.#entries.get(id)
    if (!entry) return undefined
    this.#entries.delete(id)
    this.bytes -= entry.bytes
    return entry.item
  }

  /** Replaces an item with the same id. */
  put(id: string, item: T): void {
    this.take(id)
    const bytes = ENTRY_BYTES + 2 * id.length + item.retainedBytes
    if (bytes > this.maxBytes) return
    this.#entries.set(id, { item, bytes })
    this.bytes += bytes
    for (const oldest of this.#entries.keys()) {
      if (this.bytes <= this.maxBytes) return
      this.take(oldest)
    }
  }
}
