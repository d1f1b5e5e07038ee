import type { Chunk, FrozenHeader } from './chunk.js'

/** A complete snapshot in the topic. */
export interface StoredSnapshot {
  /** Hexadecimal. */
  readonly id: string
  readonly header: FrozenHeader
  /** Offsets of its first chunk and after its last one, in the topic of snapshots. */
  readonly first: number
  readonly end: number
  /** Of its chunks. */
  readonly bytes: number
}

interface Draft {
  readonly header: FrozenHeader
  readonly first: number
  chunks: number
  bytes: number
}

/** Snapshots that are not complete; the oldest are forgotten. */
const MAX_DRAFTS = 1_000

/**
 * The snapshots in the topic, by the chunks that were seen. Pure.
 *
 * Snapshots of several gateways may be mixed. A chunk may be there twice, because an append was
 * repeated; where one is missing, the snapshot was interrupted and is never complete. Snapshots
 * rank by the offset that they hold, wherever they stand.
 */
export class SnapshotIndex {
  readonly #drafts = new Map<string, Draft>()
  /** Highest rank first. */
  #complete: StoredSnapshot[] = []

  /** @param at offset of the chunk in the topic @param bytes size of the record */
  observe(at: number, chunk: Chunk, bytes: number): void {
    const id = chunk.id.toString('hex')
    if (chunk.number === 0 && !this.#drafts.has(id) && !this.#isComplete(id))
      this.#begin(id, { header: chunk.header, first: at, chunks: 0, bytes: 0 })
    const draft = this.#drafts.get(id)
    if (!draft || chunk.number < draft.chunks) return
    if (chunk.number > draft.chunks) {
      this.#drafts.delete(id)
      return
    }
    draft.chunks++
    draft.bytes += bytes
    if (chunk.chunks === undefined) return
    this.#drafts.delete(id)
    const { header, first } = draft
    this.#complete.push({ id, header, first, end: at + 1, bytes: draft.bytes })
    this.#complete.sort((a, b) => b.header.offset - a.header.offset || b.first - a.first)
  }

  get newest(): StoredSnapshot | undefined {
    return this.#complete[0]
  }

  /**
   * What is no longer needed once there are two complete snapshots: the log below `log`, and the
   * topic of snapshots below `snapshots`. Undefined if nothing can be removed.
   */
  get removable(): { readonly log: number; readonly snapshots: number } | undefined {
    const [newest, second] = this.#complete
    if (!newest || !second) return undefined
    return { log: second.header.offset, snapshots: Math.min(newest.first, second.first) }
  }

  /** Forgets a snapshot that cannot be loaded. */
  discard(id: string): void {
    this.#complete = this.#complete.filter(snapshot => snapshot.id !== id)
  }

  /** Forgets what begins below an offset of the topic. */
  forgetBelow(begin: number): void {
    this.#complete = this.#complete.filter(({ first }) => first >= begin)
    for (const [id, { first }] of this.#drafts) if (first < begin) this.#drafts.delete(id)
  }

  #begin(id: string, draft: Draft): void {
    this.#drafts.set(id, draft)
    for (const oldest of this.#drafts.keys()) {
      if (this.#drafts.size <= MAX_DRAFTS) break
      this.#drafts.delete(oldest)
    }
  }

  #isComplete(id: string): boolean {
    return this.#complete.some(snapshot => snapshot.id === id)
  }
}
