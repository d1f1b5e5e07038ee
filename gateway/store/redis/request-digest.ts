import { createHash, type Hash } from 'node:crypto'
import { runInSlices, type Steps } from '../../../shared/base/steps.js'

const BYTES = 16

/** Bytes that are hashed without yielding the event loop. */
const STEP_BYTES = 1024 * 1024

/**
 * A digest of method, push group and families: requests with one id must have the same. That of a
 * large request is computed in slices.
 *
 * @param contents encoded families; an encoding tells where it ends
 */
export function requestDigest(
  head: readonly string[],
  contents: readonly Buffer[],
): Buffer | Promise<Buffer> {
  const hash = createHash('sha256').update(JSON.stringify(head))
  const bytes = contents.reduce((sum, { length }) => sum + length, 0)
  if (bytes > STEP_BYTES) return runInSlices(inSteps(hash, contents))
  for (const content of contents) hash.update(content)
  return hash.digest().subarray(0, BYTES)
}

function* inSteps(hash: Hash, contents: readonly Buffer[]): Steps<Buffer> {
  for (const content of contents)
    for (let from = 0; from < content.length; from += STEP_BYTES) {
      hash.update(content.subarray(from, from + STEP_BYTES))
      yield
    }
  return hash.digest().subarray(0, BYTES)
}
