import { createGunzip, type Gunzip } from 'node:zlib'
import { Refusal } from '../refusal.js'
import { concatenate } from './blocks.js'
import type { BodyBudget } from './budget.js'
import type { BodyCodec, BodyDecoder } from './codecs.js'

/**
 * Size of output chunks. Small bodies should not allocate much, large ones not switch threads
 * often.
 */
const SMALL_CHUNK = 16 * 1024
const LARGE_CHUNK = 64 * 1024

/**
 * Inflates one or more gzip members in Node's thread pool. Stops at the first chunk of output that
 * exceeds the budget.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1952
 */
export const gunzip: BodyCodec = budget => new GunzipDecoder(budget)

class GunzipDecoder implements BodyDecoder {
  readonly #inflated: Buffer[] = []
  #stream: Gunzip | undefined
  /** Settled when the stream has ended or failed. */
  #done: Promise<void> = Promise.resolve()
  #ended = false
  #written = 0

  constructor(private readonly budget: BodyBudget) {}

  async write(block: Buffer): Promise<void> {
    const stream =
      this.#stream ?? this.#start(block.length < SMALL_CHUNK ? SMALL_CHUNK : LARGE_CHUNK)
    this.#written += block.length
    const taken = new Promise<void>(resolve => stream.write(block, () => resolve()))
    // Node never calls back when the last member ends within the block.
    await Promise.race([taken, this.#done])
    if (stream.errored) throw asRefusal(stream.errored)
    if (this.#ended) throw trailingBytes()
  }

  async end(): Promise<Buffer> {
    const stream = this.#stream ?? this.#start(SMALL_CHUNK)
    stream.end()
    await this.#done
    // Node ignores a zero byte after a member and everything that follows it.
    if (stream.bytesWritten < this.#written) throw trailingBytes()
    return concatenate(this.#inflated, this.budget)
  }

  destroy(): void {
    this.#stream?.destroy()
  }

  #start(chunkSize: number): Gunzip {
    const stream = createGunzip({ chunkSize })
    this.#stream = stream
    this.#done = new Promise((resolve, reject) => {
      stream.once('end', () => {
        this.#ended = true
        resolve()
      })
      stream.once('error', error => reject(asRefusal(error)))
    })
    // write and end report the error; before they are called it counts as handled.
    this.#done.catch(() => {})
    stream.on('data', (chunk: Buffer) => {
      try {
        this.budget.addDecoded(chunk.length)
        this.#inflated.push(chunk)
      } catch (error) {
        stream.destroy(error as Error)
      }
    })
    return stream
  }
}

function asRefusal(error: Error): Error {
  const { code } = error as NodeJS.ErrnoException
  if (!code?.startsWith('Z_')) return error
  return new Refusal(
    400,
    code === 'Z_BUF_ERROR'
      ? 'the gzip body is truncated: send it whole'
      : `the gzip body is malformed: ${error.message}`,
  )
}

const trailingBytes = () =>
  new Refusal(400, 'the gzip body has trailing bytes after its last member: send gzip members only')
