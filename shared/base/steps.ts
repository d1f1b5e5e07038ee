import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip, gzipSync } from 'node:zlib'

/**
 * Long work in steps of well under a millisecond: at each `yield` others may have the event loop. Bytes that are yielded come
 * back compressed with gzip.
 */
export type Steps<T> = Generator<Uint8Array | undefined, T, Buffer | undefined>

/** All at once. */
export function runNow<T>(steps: Steps<T>): T {
  let step = steps.next()
  while (!step.done) step = steps.next(step.value && gzipSync(step.value))
  return step.value
}

const SLICE_MS = 3
const compress = promisify<Uint8Array, Buffer>(gzip)

/** In slices of some milliseconds, compressing on another thread. */
export async function runInSlices<T>(steps: Steps<T>): Promise<T> {
  let begun = performance.now()
  let step = steps.next()
  while (!step.done) {
    let given: Buffer | undefined
    if (step.value) given = await compress(step.value)
    else if (performance.now() - begun > SLICE_MS) await nextTurn()
    else {
      step = steps.next()
      continue
    }
    begun = performance.now()
    step = steps.next(given)
  }
  return step.value
}
