import { Refusal } from '../refusal.js'
import { gunzip } from './gunzip.js'
import { assemble } from './pieces.js'
import { type BodyRoom, tooLarge } from './room.js'

/** Decodes one body, block by block. What it holds is acquired from its room. */
export interface BodyDecoder {
  /**
   * Owns the block from now on. The next one comes when it has taken this one.
   *
   * @throws Refusal when the body is malformed or too large
   */
  write(block: Buffer): void | Promise<void>
  /** All blocks were written. @returns the decoded body @throws Refusal */
  end(): Promise<Buffer>
  /** Ends the work, also in the middle. */
  destroy(): void
}

export type BodyCodec = (room: BodyRoom) => BodyDecoder

/** By the name of the content coding in lower case. */
export type BodyCodecs = Readonly<Record<string, BodyCodec>>

/** The body as it is. */
const identity: BodyCodec = room => {
  const pieces: Buffer[] = []
  return {
    write(block) {
      room.addDecoded(block.length)
      pieces.push(block)
    },
    end: () => assemble(pieces, room),
    destroy() {},
  }
}

type Decode = (encoded: Buffer, maxBytes: number) => Uint8Array | Promise<Uint8Array>

/**
 * The codec of a function that needs all of the encoded body at once, such as a decoder of the snappy block format.
 *
 * @param decode throws when the body is malformed (answered 400 with the message), and before it allocates more than
 *   `maxBytes` (the error has the reason `too_large`, answered 413)
 */
export function whole(decode: Decode): BodyCodec {
  // One after the other: how much memory a result takes is known when it is there.
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = (room: BodyRoom, encoded: Buffer): Promise<Uint8Array> => {
    const decoding = last.then(async () => {
      const decoded = await attempt(decode, encoded, room.left)
      room.addDecoded(decoded.length)
      return decoded
    })
    last = decoding.catch(() => {})
    return decoding
  }
  return room => {
    const pieces: Buffer[] = []
    return {
      write(block) {
        room.acquire(block.length)
        pieces.push(block)
      },
      async end() {
        const encoded = await assemble(pieces, room)
        const decoded = await inTurn(room, encoded)
        room.release(encoded.length)
        return Buffer.from(decoded.buffer, decoded.byteOffset, decoded.length)
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

/**
 * The content codings that every program takes. A program adds its own, because one name can mean two formats: `snappy` is the
 * block format in remote write and the framing format in a Pushgateway.
 */
export const COMMON_CODECS: BodyCodecs = { identity, gzip: gunzip, 'x-gzip': gunzip }
