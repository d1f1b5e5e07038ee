/**
 * An object with a reference count, changed by `Store.acquire` and `Store.release` only.
 *
 * Its creator is the first holder. After the last release its memory is reused: it must not be
 * read.
 */
export interface Held {
  readonly kind: 'snapshot' | 'part' | 'layout'
  /** Number of references. */
  holders: number
}
