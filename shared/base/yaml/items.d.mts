/** A document without the items of its lists at the top. */
export interface Items {
  readonly rest: string
  /** An empty key: the document is a list. */
  readonly lists: readonly { readonly key: string; readonly items: readonly string[] }[]
}

/**
 * Finds the items of a document that is a block sequence, or of the block sequences under the keys
 * at its top, as texts that can be parsed one by one.
 *
 * @returns undefined if there are none, or if parts of the document may depend on each other
 */
export function itemsOf(text: string): Items | undefined
