import { readFile } from 'node:fs/promises'
import { HttpClientError } from './failure.js'

/** Age at which the content of a file is read again, ms. */
const REREAD_MS = 1000

/** A text that is configured or in a file. */
export interface Secret {
  /** @throws HttpClientError if the file cannot be read */
  text(): string | Promise<string>
}

/** The content of a file, read at most once a second. */
export class FileSecret implements Secret {
  #text = ''
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<string> | undefined

  /**
   * @param what the content, for messages
   * @param mono monotonic ms
   */
  constructor(
    private readonly path: string,
    private readonly what: string,
    private readonly mono: () => number,
  ) {}

  text(): string | Promise<string> {
    if (this.mono() - this.#readAt < REREAD_MS) return this.#text
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #read(): Promise<string> {
    const begun = this.mono()
    try {
      this.#text = await readFile(this.path, 'utf8')
      this.#readAt = begun
      return this.#text
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const reason = code === 'ENOENT' ? `open ${this.path}: no such file or directory` : message
      throw new HttpClientError(
        'config',
        `unable to read ${this.what} file ${this.path}: ${reason}`,
      )
    }
  }
}

export const plainSecret = (text: string): Secret => ({ text: () => text })
