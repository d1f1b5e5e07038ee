import { mapInSlices } from '../../base/slices.js'
import type { BodyRoom } from './room.js'

const FIRST_BLOCK = 4 * 1024
const LARGEST_BLOCK = 64 * 1024
/** A chunk of this size is kept as it is. */
const LARGE_CHUNK = LARGEST_BLOCK / 4

/**
 * Makes blocks of chunks. A body may arrive in chunks of one byte, each of which would take hundreds of bytes as a buffer of
 * its own, and a turn of its own in a decoder.
 */
export class Blocks {
  #block: Buffer | undefined
  #used = 0
  #size = FIRST_BLOCK

  /** @param room what the incomplete block takes is acquired from it */
  constructor(private readonly room: BodyRoom) {}

  /** @returns the blocks that this chunk completes */
  add(chunk: Buffer): Buffer[] {
    if (!this.#used && chunk.length >= LARGE_CHUNK) return [chunk]
    const complete: Buffer[] = []
    for (let from = 0; from < chunk.length; ) {
      const block = this.#block ?? this.#begin()
      const copied = chunk.copy(block, this.#used, from)
      from += copied
      this.#used += copied
      if (this.#used === block.length) complete.push(this.#take(block))
    }
    return complete
  }

  /** @returns the incomplete block, when there is one */
  end(): Buffer | undefined {
    return this.#block && this.#take(this.#block)
  }

  #begin(): Buffer {
    this.room.acquire(this.#size)
    this.#block = Buffer.allocUnsafeSlow(this.#size)
    this.#size = Math.min(this.#size * 2, LARGEST_BLOCK)
    return this.#block
  }

  #take(block: Buffer): Buffer {
    const taken = block.subarray(0, this.#used)
    this.room.release(block.length)
    this.#block = undefined
    this.#used = 0
    return taken
  }
}

/** One buffer of pieces that the room has acquired; copied in slices, because 64 MiB take longer than one may. */
export async function assemble(pieces: readonly Buffer[], room: BodyRoom): Promise<Buffer> {
  if (pieces.length === 1) return pieces[0]
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  room.acquire(length)
  const all = Buffer.allocUnsafeSlow(length)
  let at = 0
  await mapInSlices(pieces, piece => {
    at += piece.copy(all, at)
  })
  room.release(length)
  return all
}
