/** Bytes of a chunk, about: small enough that nobody waits for it, large enough that the socket is worth a write. */
export const CHUNK = 64 * 1024

/** Nothing to send yet, but a place to let others have the event loop. */
export const PAUSE: Buffer = Buffer.alloc(0)

/** latin1 text that grows until it is worth a chunk. */
export class Chunk {
  #text = ''

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
    const bytes = Buffer.from(this.#text, 'latin1')
    this.#text = ''
    return bytes
  }
}
