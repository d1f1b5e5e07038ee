import { snappyBlockSteps } from '../../base/snappy/block.js'
import { snappyFramesSteps } from '../../base/snappy/framed.js'
import { runInSlices } from '../../base/steps.js'
import { Refusal } from '../refusal.js'
import { concatenate } from './blocks.js'
import { type BodyBudget, tooLarge } from './budget.js'
import { gunzip } from './gunzip.js'

/** Decodes one body, block by block. Acquires the memory it needs from the body's budget. */
export interface BodyDecoder {
  /**
   * Takes over the block. The caller waits for the promise before it writes the next one.
   *
   * @throws Refusal when the body is malformed or too large
   */
  write(block: Buffer): void | Promise<void>
  /**
   * Called after the last block.
   *
   * @returns the decoded body
   * @throws Refusal when the body is malformed or too large
   */
  end(): Promise<Buffer>
  /** Stops decoding, at any time. */
  destroy(): void
}

export type BodyCodec = (budget: BodyBudget) => BodyDecoder

/** Codecs by content coding, in lower case. */
export type BodyCodecs = Readonly<Record<string, BodyCodec>>

const identity: BodyCodec = budget => {
  const blocks: Buffer[] = []
  return {
    write(block) {
      budget.addDecoded(block.length)
      blocks.push(block)
    },
    end: () => concatenate(blocks, budget),
    destroy() {},
  }
}

type Decode = (encoded: Buffer, maxBytes: number) => Uint8Array | Promise<Uint8Array>

/**
 * A codec for a decoder that needs the complete encoded body.
 *
 * @param decode throws an error with the reason `too_large` before it allocates more than
 *   `maxBytes` (answered with 413), and any other error for a malformed body (answered with 400 and
 *   the error's message)
 */
export function bufferedCodec(decode: Decode): BodyCodec {
  // One body at a time: the size of a result is known, and acquired, only when it exists.
  let last: Promise<unknown> = Promise.resolve()
  const decodeInTurn = (encoded: Buffer, budget: BodyBudget): Promise<Uint8Array> => {
    const decoding = last.then(async () => {
      const decoded = await attempt(decode, encoded, budget.left)
      budget.addDecoded(decoded.length)
      return decoded
    })
    last = decoding.catch(() => {})
    return decoding
  }
  return budget => {
    const blocks: Buffer[] = []
    return {
      write(block) {
        budget.acquire(block.length)
        blocks.push(block)
      },
      async end() {
        const encoded = await concatenate(blocks, budget)
        const { buffer, byteOffset, length } = await decodeInTurn(encoded, budget)
        budget.release(encoded.length)
        return Buffer.from(buffer, byteOffset, length)
      },
      destroy() {},
    }
  }
}

async function attempt(decode: Decode, encoded: Buffer, limit: number): Promise<Uint8Array> {
  try {
    return await decode(encoded, limit)
  } catch (error) {
    const { reason, message } = error as Error & { reason?: unknown }
    if (reason === 'too_large') throw tooLarge('decoded body', limit)
    throw new Refusal(400, `the body cannot be decoded: ${message}`)
  }
}

/** The snappy block format: what remote write means by `Content-Encoding: snappy`. */
export const snappyBlock = bufferedCodec((encoded, maxBytes) =>
  runInSlices(snappyBlockSteps(encoded, maxBytes)),
)

/** The snappy framing format: what Pushgateway means by `Content-Encoding: snappy`. */
export const snappyFrames = bufferedCodec((encoded, maxBytes) =>
  runInSlices(snappyFramesSteps(encoded, maxBytes)),
)

/** Content codings of every endpoint. Endpoints add `snappy` in the format of their protocol. */
export const COMMON_CODECS: BodyCodecs = { identity, gzip: gunzip, 'x-gzip': gunzip }
