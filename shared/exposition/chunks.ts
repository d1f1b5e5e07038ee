/** An empty chunk: rendering can yield the event loop here. */
export const PAUSE: Buffer = Buffer.alloc(0)

/**
 * Approximate size of a chunk, bytes: worth a write to the socket and a trip to the compression
 * thread, and rendered in well under a millisecond.
 */
const CHUNK_BYTES = 256 * 1024
/**
 * Characters that are encoded at once: text joined from many strings should still be in the CPU
 * cache.
 */
const MAX_TEXT = 48 * 1024
const SLACK_BYTES = 64 * 1024

/** Buffers of finished scrapes for reuse. */
const spareBuffers: Buffer[] = []
const MAX_SPARE_BUFFERS = 4

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
    this.#buffer = spareBuffers.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES + SLACK_BYTES)
  }

  add(text: string): void {
    this.#text += text
    if (this.#text.length >= MAX_TEXT) this.#write()
  }

  get isFull(): boolean {
    return this.#length >= CHUNK_BYTES
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
    if (
      spareBuffers.length < MAX_SPARE_BUFFERS &&
      this.#buffer.length === CHUNK_BYTES + SLACK_BYTES
    )
      spareBuffers.push(this.#buffer)
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
