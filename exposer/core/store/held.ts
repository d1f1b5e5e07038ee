/**
 * Something that several holders share: `Store.acquire` and `Store.release` count them, and nobody else.
 *
 * Its maker is the first holder. When the last one has released it, its memory is used again: nothing of it may be
 * read from then on.
 */
export abstract class Held {
  /** References that were acquired and not released. */
  holders = 0
}
