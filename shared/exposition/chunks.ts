/** Nothing to send yet, but a place to let others have the event loop. */
export const PAUSE: Buffer = Buffer.alloc(0)

/** Bytes of a chunk, about: worth a write to the socket and a trip to the compressor's thread, and far from a millisecond. */
const CHUNK = 256 * 1024
/** Characters that are written at once: what is joined out of many pieces should still be in the processor's cache. */
const PIECE = 48 * 1024
const SLACK = 64 * 1024

/** Buffers of scrapes that are over, for the next ones. */
const spare: Buffer[] = []
const MAX_SPARE = 4

/**
 * Text on its way to a scraper, as latin1 characters that are UTF-8 bytes. Every line comes with a line feed in front; the first
 * one's is left out, and `finish` ends the last line.
 *
 * What `flush` gives is valid until something is added: the same memory is written again and again, because a scrape of a
 * million series would otherwise leave 140 MB of garbage.
 */
export class Chunk {
  #text = ''
  #hasText = false
  #buffer: Buffer
  #length = 0

  constructor() {
    this.#buffer = spare.pop() ?? Buffer.allocUnsafeSlow(CHUNK + SLACK)
  }

  add(text: string): void {
    this.#text += text
    if (this.#text.length >= PIECE) this.#write()
  }

  get isFull(): boolean {
    return this.#length >= CHUNK
  }

  flush(): Buffer {
    this.#write()
    const bytes = this.#buffer.subarray(0, this.#length)
    this.#length = 0
    return bytes
  }

  /** What is left, or null when there was nothing at all. */
  finish(): Buffer | null {
    if (!this.#hasText && this.#text === '') return null
    this.#text += '\n'
    return this.flush()
  }

  /** Nothing of it is used any more. */
  release(): void {
    if (spare.length < MAX_SPARE && this.#buffer.length === CHUNK + SLACK) spare.push(this.#buffer)
  }

  #write(): void {
    const text = this.#hasText ? this.#text : this.#text.slice(1)
    this.#hasText = true
    this.#text = ''
    if (this.#length + text.length > this.#buffer.length) this.#grow(this.#length + text.length)
    this.#length += this.#buffer.write(text, this.#length, 'latin1')
  }

  /** Rare: one family's labels are many kilobytes long. */
  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(bytes)
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}
