import { expect, test } from 'vitest'
import { murmur2, partitionFor } from '../../../shared/base/murmur2.js'
import { JAVA } from './murmur2-vectors.js'

test.each(JAVA)(
  'the hash and partition of %j are the same as in the Java client',
  (text, hash, partition) => {
    expect(murmur2(Buffer.from(text))).toBe(hash)
    expect(partitionFor(Buffer.from(text), 12)).toBe(partition)
  },
)

test('the hash of bytes above 127 is the same as in the Java client', () => {
  expect(murmur2(Uint8Array.from({ length: 256 }, (_, i) => i))).toBe(-1948347274)
})
