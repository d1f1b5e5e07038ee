import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { deflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { buildLayout1 } from '../../../dev/dictionary/layout-1.js'
import { DICTIONARIES } from '../../../shared/snapshot/dictionary/dictionaries.js'

/** Dictionaries in stored records. A row is never changed or removed. */
const PINNED = [
  {
    file: 'layout-1.bin',
    id: 0x39f14585,
    length: 31_008,
    sha256: '32a66f5135de1160c1da230c95bfde08e546e74a728837a222c1bb6bd1f5f49a',
    build: buildLayout1,
  },
]

/** A match of zlib cannot go back farther: its window less the longest match and what it reads. */
const MAX_DISTANCE = 32_768 - 262

test('the table has all dictionaries that were ever published', () => {
  expect([...DICTIONARIES.keys()]).toEqual(PINNED.map(({ id }) => id))
})

describe.each(PINNED)('the dictionary $file', ({ file, id, length, sha256, build }) => {
  const bytes = readFileSync(
    new URL(`../../../shared/snapshot/dictionary/${file}`, import.meta.url),
  )

  test('has the bytes that stored records refer to', () => {
    expect(bytes).toHaveLength(length)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256)
    expect(DICTIONARIES.get(id)?.bytes.equals(bytes)).toBe(true)
  })

  test('has its Adler-32 as id, which zlib writes', () => {
    expect(deflateSync(Buffer.alloc(1), { dictionary: bytes }).readUInt32BE(2)).toBe(id)
  })

  test('is what its corpus gives', () => {
    expect(build().equals(bytes)).toBe(true)
  })

  test('is within reach of the first byte of a layout', () => {
    expect(bytes.length).toBeLessThanOrEqual(MAX_DISTANCE)
  })
})
