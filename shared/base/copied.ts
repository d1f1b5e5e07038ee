/**
 * A copy in memory of its own, for what is kept. `Buffer.from` copies into a pool of 8 KiB, which is
 * kept as a whole as long as any of it.
 */
export function copied(bytes: Uint8Array): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length)
  own.set(bytes)
  return own
}
