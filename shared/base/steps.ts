import { promisify } from 'node:util'
import { gzip, gzipSync } from 'node:zlib'
import { Slice } from './scheduling.js'

/**
 * Long work in steps of well under a millisecond. At each `yield` the event loop may be yielded.
 * Bytes that the generator yields are passed back to it compressed with gzip.
 */
export type Steps<T> = Generator<Uint8Array | undefined, T, Buffer | undefined>

/** Runs all steps synchronously. */
export function runNow<T>(steps: Steps<T>): T {
  let step = steps.next()
  while (!step.done) step = steps.next(step.value && gzipSync(step.value))
  return step.value
}

/** Slices in an application are shorter, because its own work shares the event loop, ms. */
const STEPS_MS = 3
const compress = promisify<Uint8Array, Buffer>(gzip)

/**
 * Runs the steps in slices of 3 ms, yields the event loop in between, and compresses on another
 * thread.
 */
export async function runInSlices<T>(steps: Steps<T>): Promise<T> {
  const slice = new Slice(STEPS_MS)
  let step = steps.next()
  while (!step.done) {
    let compressed: Buffer | undefined
    if (step.value) {
      compressed = await compress(step.value)
      slice.restart()
    } else if (slice.isOver()) await slice.next()
    step = steps.next(compressed)
  }
  return step.value
}
