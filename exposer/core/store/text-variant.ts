import type { Escaping } from '../../../shared/exposition/format.js'
import { BLOCK, type LayoutText, type SeriesText } from '../../../shared/exposition/layout-text.js'
import { rewriteText } from '../../../shared/exposition/rewrite-text.js'
import type { SeriesRange } from '../../../shared/exposition/series-lines.js'
import type { Size } from './memory.js'
import { ARRAY_BYTES } from './sizes.js'

/** The text of some series. */
export interface TextPiece extends SeriesRange {
  readonly text: SeriesText
}

const BLOCK_BYTES = 32
/** Estimated bytes of a cached block besides its text: its object and arrays. */
const CACHED_BYTES = 2 * ARRAY_BYTES + BLOCK_BYTES + 64
/** Estimated growth of the text of a series by quotes and `exported_`. */
const GROWTH = 24

/** The size of a text without its object. */
export function sizeOfText({ blocks, offsets, open }: SeriesText): Size {
  return {
    heap: offsets[open.length] + BLOCK_BYTES * blocks.length + 2 * ARRAY_BYTES,
    buffers: offsets.byteLength + open.byteLength,
  }
}

/**
 * The text of a layout with another escaping or with renamed labels. Made block by block when it is
 * rendered, and cached while there is memory: a scrape may need a different one for each target.
 */
export class TextVariant {
  /** Bytes of the cached blocks. */
  bytes = 0
  readonly #blocks: (SeriesText | undefined)[] = []

  /** @param admit whether so many bytes on the heap may be cached; they are counted then */
  constructor(
    private readonly plain: LayoutText,
    private readonly escaping: Escaping,
    private readonly taken: ReadonlySet<string>,
    private readonly admit: (variant: TextVariant, bytes: number) => boolean,
  ) {}

  /** The text of a range, in pieces. */
  *pieces({ from, to }: SeriesRange): Generator<TextPiece> {
    for (let at = from; at < to; ) {
      const first = at - (at % BLOCK)
      const end = Math.min(to, first + BLOCK)
      const piece = { from: at, to: end }
      yield { ...piece, text: this.#cached(first) ?? this.#rewrite(piece) }
      at = end
    }
  }

  #cached(first: number): SeriesText | undefined {
    const known = this.#blocks[first / BLOCK]
    if (known) return known
    const { offsets, open, hasLongBlocks } = this.plain
    // Rewriting a long block takes too long for one step.
    if (hasLongBlocks) return undefined
    const end = Math.min(open.length, first + BLOCK)
    const bytes = CACHED_BYTES + offsets[end] - offsets[first] + (GROWTH + 5) * (end - first)
    if (!this.admit(this, bytes)) return undefined
    const block = this.#rewrite({ from: first, to: end })
    this.#blocks[first / BLOCK] = block
    this.bytes += bytes
    return block
  }

  #rewrite(range: SeriesRange): SeriesText {
    return rewriteText(this.plain, range, this.escaping, this.taken)
  }
}
