/** An empty chunk: rendering can yield the event loop here. */
export const PAUSE: Buffer = Buffer.alloc(0)

/**
 * Approximate size of a chunk, bytes: worth a write to the socket and a trip to the compression
 * thread, and rendered in well under a millisecond.
 */
const CHUNK = 256 * 1024
/**
 * Characters that are encoded at once: text joined from many strings should still be in the CPU
 * cache.
 */
const PIECE = 48 * 1024
const SLACK = 64 * 1024

/** Buffers of finished scrapes for reuse. */
const spare: Buffer[] = []
const MAX_SPARE = 4

/**
 * Text of an exposition in latin1 characters that are UTF-8 bytes. Each line starts with a line
 * feed instead of ending with one: the first one is removed, and `finish` ends the last line.
 *
 * The result of `flush` is valid until the next `add`: the memory is reused, because a scrape of a
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

  /** The rest of the text, or null if there was no text at all. */
  finish(): Buffer | null {
    if (!this.#hasText && this.#text === '') return null
    this.#text += '\n'
    return this.flush()
  }

  /** Returns the buffer for reuse. The caller no longer uses it or its results. */
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

  /** Rare: a family with labels of many kilobytes. */
  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(bytes)
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}
