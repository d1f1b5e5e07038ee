import { mapInSlices } from '../../base/slices.js'
import type { BodyBudget } from './budget.js'

const FIRST_BLOCK = 4 * 1024
const LARGEST_BLOCK = 64 * 1024
/** Chunks of at least this size are passed on without a copy. */
const LARGE_CHUNK = LARGEST_BLOCK / 4

/**
 * Joins small chunks into blocks. A buffer has an overhead of hundreds of bytes, and a decoder one
 * of some microseconds per call: without blocks, chunks of one byte would multiply both.
 */
export class Blocks {
  #block: Buffer | undefined
  #used = 0
  #size = FIRST_BLOCK

  /** @param budget memory of the incomplete block */
  constructor(private readonly budget: BodyBudget) {}

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

  /** @returns the incomplete block, if any */
  end(): Buffer | undefined {
    return this.#block && this.#take(this.#block)
  }

  #begin(): Buffer {
    this.budget.acquire(this.#size)
    this.#block = Buffer.allocUnsafeSlow(this.#size)
    this.#size = Math.min(this.#size * 2, LARGEST_BLOCK)
    return this.#block
  }

  #take(block: Buffer): Buffer {
    const taken = block.subarray(0, this.#used)
    this.budget.release(block.length)
    this.#block = undefined
    this.#used = 0
    return taken
  }
}

/** Concatenates blocks in slices of the event loop: copying 64 MiB at once takes over 10 ms. */
export async function concatenate(blocks: readonly Buffer[], budget: BodyBudget): Promise<Buffer> {
  if (blocks.length === 1) return blocks[0]
  const length = blocks.reduce((sum, block) => sum + block.length, 0)
  budget.acquire(length)
  const all = Buffer.allocUnsafeSlow(length)
  let at = 0
  await mapInSlices(blocks, block => {
    at += block.copy(all, at)
  })
  // The blocks are garbage now.
  budget.release(length)
  return all
}
