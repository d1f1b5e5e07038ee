import { createHash, randomFillSync } from 'node:crypto'
import { RefusedPush } from './refused-push.js'

const ID_BYTES = 16
const MAX_KEY_LENGTH = 1024
const POOLED = 256
let pool = Buffer.alloc(0)
let used = 0

/**
 * Identifies a request, 16 bytes: by its `Idempotency-Key` if it has one, at random otherwise.
 *
 * @param key value of the header; empty without one
 * @throws RefusedPush 400 for a key that is too long
 */
export function requestId(method: string, path: string, key: string): Buffer {
  if (key === '') return randomId()
  if (key.length > MAX_KEY_LENGTH)
    throw new RefusedPush(
      400,
      'header',
      `the Idempotency-Key has more than ${MAX_KEY_LENGTH} characters; use a UUID`,
    )
  const hash = createHash('sha256').update(`${method}\0${path}\0${key}`).digest()
  return hash.subarray(0, ID_BYTES)
}

/** The random bytes come from a pool: a call of the system for each request would cost more. */
export function randomId(): Buffer {
  if (used === pool.length) {
    pool = randomFillSync(Buffer.allocUnsafeSlow(POOLED * ID_BYTES))
    used = 0
  }
  used += ID_BYTES
  return pool.subarray(used - ID_BYTES, used)
}
