import { Refusal } from '../refusal.js'
import { gunzip } from './gunzip.js'
import { assemble } from './pieces.js'
import type { BodyRoom } from './room.js'

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
export const identity: BodyCodec = room => {
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

/**
 * A codec of a function that needs all of the encoded body at once, such as a decoder of the snappy block format.
 *
 * @param decode throws when the body is malformed, or when it would become larger than `maxBytes`, before it allocates that;
 *   an error that is no `Refusal` becomes 400 with its message
 */
export function whole(
  decode: (encoded: Buffer, maxBytes: number) => Uint8Array | Promise<Uint8Array>,
): BodyCodec {
  return room => {
    const pieces: Buffer[] = []
    return {
      write(block) {
        room.acquire(block.length)
        pieces.push(block)
      },
      async end() {
        const encoded = await assemble(pieces, room)
        const decoded = await attempt(() => decode(encoded, room.left))
        room.addDecoded(decoded.length)
        room.release(encoded.length)
        return Buffer.from(decoded.buffer, decoded.byteOffset, decoded.length)
      },
      destroy() {},
    }
  }
}

async function attempt<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal(400, `the body cannot be decoded: ${(error as Error).message}`)
  }
}

/**
 * The content codings that every program takes. A program adds its own, because one name can mean two formats: `snappy` is the
 * block format in remote write and the framing format in a Pushgateway.
 */
export const COMMON_CODECS: BodyCodecs = { identity, gzip: gunzip, 'x-gzip': gunzip }
