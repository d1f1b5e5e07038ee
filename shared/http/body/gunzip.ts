import { createGunzip, type Gunzip } from 'node:zlib'
import { Refusal } from '../refusal.js'
import type { BodyCodec, BodyDecoder } from './codecs.js'
import { assemble } from './pieces.js'
import type { BodyRoom } from './room.js'

/** For small bodies memory counts, for large ones the changes between threads. */
const SMALL_CHUNK = 16 * 1024
const LARGE_CHUNK = 64 * 1024

/**
 * Inflates one or more gzip members on another thread, and ends in the moment in which the result becomes too large.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1952
 */
export const gunzip: BodyCodec = room => new GunzipDecoder(room)

class GunzipDecoder implements BodyDecoder {
  readonly #pieces: Buffer[] = []
  #stream: Gunzip | undefined
  /** Settled when the stream has ended or failed. */
  #done: Promise<void> = Promise.resolve()
  #ended = false
  #written = 0

  constructor(private readonly room: BodyRoom) {}

  async write(block: Buffer): Promise<void> {
    const stream = this.#stream ?? this.#start(block.length < SMALL_CHUNK ? SMALL_CHUNK : LARGE_CHUNK)
    this.#written += block.length
    const taken = new Promise<void>(resolve => stream.write(block, () => resolve()))
    // A write never returns when its last member ends in the middle of it.
    await Promise.race([taken, this.#done])
    if (stream.errored) throw asRefusal(stream.errored)
    if (this.#ended) throw trailing()
  }

  async end(): Promise<Buffer> {
    const stream = this.#stream ?? this.#start(SMALL_CHUNK)
    stream.end()
    await this.#done
    // Node ignores zeros after a member, and everything after them.
    if (stream.bytesWritten < this.#written) throw trailing()
    return assemble(this.#pieces, this.room)
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
    // Told again by whoever waits for it.
    this.#done.catch(() => {})
    stream.on('data', (piece: Buffer) => {
      try {
        this.room.addDecoded(piece.length)
        this.#pieces.push(piece)
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
  const what =
    code === 'Z_BUF_ERROR' ? 'ends in the middle: send all of it' : `cannot be inflated: ${error.message}`
  return new Refusal(400, `the gzip body ${what}`)
}

const trailing = () => new Refusal(400, 'the gzip body has other bytes after its end: send only gzip members')
