/** Bytes of a chunk, about: small enough that nobody waits for it, large enough that the socket is worth a write. */
export const CHUNK = 64 * 1024

/** Nothing to send yet, but a place to let others have the event loop. */
export const PAUSE: Buffer = Buffer.alloc(0)

/**
 * latin1 text that grows until it is worth a chunk. Every line comes with a line feed in front; the first one's is left out,
 * and `last` ends the last line.
 */
export class Chunk {
  #text = ''
  #begun = false

  add(text: string): void {
    this.#text += text
  }

  get full(): boolean {
    return this.#text.length >= CHUNK
  }

  get empty(): boolean {
    return this.#text === ''
  }

  take(): Buffer {
    const bytes = Buffer.from(this.#begun ? this.#text : this.#text.slice(1), 'latin1')
    this.#begun = true
    this.#text = ''
    return bytes
  }

  /** What is left, or null when there was nothing at all. */
  last(): Buffer | null {
    if (!this.#begun && this.empty) return null
    this.#text += '\n'
    return this.take()
  }
}
