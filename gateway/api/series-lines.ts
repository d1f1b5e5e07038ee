/**
 * A long text of Latin1 characters that is put together. Its parts are copied from time to time: V8
 * would walk through all of them each time that the text is written.
 */
export class SeriesLines {
  readonly #parts: Buffer[] = []
  #part = ''

  add(lines: string): void {
    this.#part += lines
  }

  /** Copies what was added last. To be called every few hundred lines. */
  settle(): void {
    if (this.#part === '') return
    this.#parts.push(Buffer.from(this.#part, 'latin1'))
    this.#part = ''
  }

  toString(): string {
    this.settle()
    return Buffer.concat(this.#parts).toString('latin1')
  }
}
