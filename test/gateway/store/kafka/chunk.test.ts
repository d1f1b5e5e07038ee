import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Chunk,
  chunksOf,
  encodeChunk,
  readChunk,
} from '../../../../gateway/store/kafka/snapshots/chunk.js'
import { newerChunk } from '../../../support/chunks.js'

const number = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => Buffer.from(bytes))
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map(part => Buffer.from(part))
const header = fc.record({
  offset: number,
  time: number,
  last: fc.option(fc.record({ time: number, id })),
})

const read = (record: Buffer): Chunk => {
  const result = readChunk(record)
  if (result.kind !== 'chunk') throw new Error(JSON.stringify(result))
  return result.chunk
}

describe('a chunk', () => {
  test('is read as it was written', () => {
    const chunk = fc
      .record({
        id,
        header,
        number: fc.nat({ max: 1e6 }),
        continues: fc.boolean(),
        body: bytes(200),
      })
      .chain(made =>
        fc.boolean().map(last => ({ ...made, chunks: last ? made.number + 1 : undefined })),
      )
    fc.assert(
      fc.property(chunk, made => {
        expect(read(encodeChunk(made))).toEqual(made)
      }),
    )
  })

  test('with any changed or missing byte is malformed, never newer and never an error', () => {
    const chunk = encodeChunk({
      id: Buffer.alloc(16, 3),
      header: { offset: 77, time: 88, last: { time: 99, id: Buffer.alloc(16, 4) } },
      number: 0,
      chunks: 1,
      continues: false,
      body: Buffer.from('body'),
    })
    for (let at = 0; at < chunk.length; at++) {
      const changed = Buffer.from(chunk)
      changed[at] ^= 1 << (at % 8)
      expect(readChunk(changed).kind).toBe('malformed')
      expect(readChunk(chunk.subarray(0, at)).kind).toBe('malformed')
    }
    expect(readChunk(null).kind).toBe('malformed')
  })

  test('of a newer version says so', () => {
    expect(readChunk(newerChunk(2))).toEqual({ kind: 'newer_version', version: 2 })
  })

  test('of any bytes is no error', () => {
    fc.assert(
      fc.property(bytes(300), record => {
        expect(readChunk(record).kind).toBe('malformed')
      }),
    )
  })
})

test('the chunks of a state have its parts, in order and within their size', () => {
  const parts = fc.array(bytes(50), { maxLength: 12 })
  fc.assert(
    fc.property(id, header, parts, fc.integer({ min: 1, max: 20 }), (id, header, parts, max) => {
      const chunks = [...chunksOf(id, header, parts, max)].filter(Boolean).map(c => read(c!))
      const joined: Buffer[] = []
      let pieces: Buffer[] = []
      chunks.forEach((chunk, i) => {
        expect(chunk).toMatchObject({ id, header, number: i })
        expect(chunk.chunks).toBe(i === chunks.length - 1 ? chunks.length : undefined)
        expect(chunk.body.length).toBeLessThanOrEqual(max)
        pieces.push(chunk.body)
        if (chunk.continues) return
        joined.push(Buffer.concat(pieces))
        pieces = []
      })
      expect(pieces).toEqual([])
      expect(joined.filter(part => part.length)).toEqual(parts.filter(part => part.length))
    }),
  )
})
