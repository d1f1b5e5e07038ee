import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, gunzipSync } from 'node:zlib'
import { HttpClientError } from './failure.js'

const FIRST_BYTES = 16 * 1024
/** Compressed bodies up to this size are inflated at once, to at most `INLINE_RESULT_BYTES`. */
const INLINE_BYTES = 32 * 1024
const INLINE_RESULT_BYTES = 512 * 1024

const inflate = promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip)

const noMemory = () =>
  new HttpClientError('too_large', 'no memory left for the body of the response')
const tooLarge = () => new HttpClientError('too_large', 'body size limit exceeded')

/**
 * Collects a body. Chunks are copied, because a small chunk would keep the whole buffer of its
 * socket.
 */
export class BodyCollector {
  #buffer = Buffer.alloc(0)
  #length = 0

  /** @param reserve is asked before memory is allocated */
  constructor(
    private readonly maxBytes: number,
    private readonly reserve: (bytes: number) => boolean,
  ) {}

  /** @throws HttpClientError if the body exceeds its limit, or there is no memory left */
  add(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (length > this.maxBytes) throw tooLarge()
    if (length > this.#buffer.length) {
      const size = Math.min(Math.max(length, 2 * this.#buffer.length, FIRST_BYTES), this.maxBytes)
      if (!this.reserve(size - this.#buffer.length)) throw noMemory()
      const grown = Buffer.allocUnsafe(size)
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    }
    chunk.copy(this.#buffer, this.#length)
    this.#length = length
  }

  get body(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }
}

/**
 * Decodes a body by its content coding.
 *
 * @param maxBytes maximum size of the result
 * @throws HttpClientError
 */
export async function decodedBody(
  { headers }: IncomingMessage,
  body: Buffer,
  maxBytes: number,
  reserve: (bytes: number) => boolean,
): Promise<Buffer> {
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? ''
  if (coding === '' || coding === 'identity' || body.length === 0) return body
  if (coding !== 'gzip' && coding !== 'x-gzip')
    throw new HttpClientError('encoding', `unsupported content encoding ${JSON.stringify(coding)}`)
  try {
    const decoded = await gunzipped(body, maxBytes)
    if (!reserve(decoded.length)) throw noMemory()
    return decoded
  } catch (error) {
    if (error instanceof HttpClientError) throw error
    if (isOverLimit(error)) throw tooLarge()
    const { code, message } = error as NodeJS.ErrnoException
    throw new HttpClientError(
      'encoding',
      code === 'Z_BUF_ERROR' ? 'gzip: unexpected EOF' : `gzip: ${message}`,
    )
  }
}

let lastInflation: Promise<unknown> = Promise.resolve()

async function gunzipped(body: Buffer, maxBytes: number): Promise<Buffer> {
  if (body.length <= INLINE_BYTES) {
    const maxOutputLength = Math.min(maxBytes, INLINE_RESULT_BYTES)
    try {
      return gunzipSync(body, { maxOutputLength })
    } catch (error) {
      if (!isOverLimit(error) || maxOutputLength === maxBytes) throw error
    }
  }
  // One large body at a time: how much memory it needs is known only when it is inflated.
  const inflating = lastInflation.then(() => inflate(body, { maxOutputLength: maxBytes }))
  lastInflation = inflating.catch(() => {})
  return inflating
}

const isOverLimit = (error: unknown) =>
  (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
