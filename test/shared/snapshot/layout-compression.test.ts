import { buffer } from 'node:stream/consumers'
import { constants, createDeflate, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Job, runInSlices, runNow, type Steps } from '../../../shared/base/steps.js'
import { PUBLISHED_DICTIONARY } from '../../../shared/snapshot/dictionary/dictionaries.js'
import { RefusedError } from '../../../shared/snapshot/errors.js'
import { encodeLayout, inflateLayout } from '../../../shared/snapshot/layout.js'
import {
  compressLayoutSteps,
  decompressLayoutSteps,
} from '../../../shared/snapshot/layout-compression.js'
import { httpService } from '../../bench/workload.js'
import { simpleLayout } from '../../support/layouts.js'
import { layoutArbitrary } from './layouts.js'

const LIMIT = 8 * 1024 * 1024
const { bytes: dictionary } = PUBLISHED_DICTIONARY
const decompress = (compressed: Uint8Array, limit = LIMIT) =>
  runNow(decompressLayoutSteps(compressed, limit))
const onThreads = (compressed: Uint8Array, limit = LIMIT) =>
  runInSlices(decompressLayoutSteps(compressed, limit))
const deflated = (bytes: Uint8Array) => deflateSync(bytes, { level: 9, dictionary })

function refusal(run: () => unknown): RefusedError | undefined {
  try {
    run()
  } catch (error) {
    if (error instanceof RefusedError) return error
    throw error
  }
}

/** Runs all steps and returns the jobs for other threads among them. */
function jobsOf(steps: Steps<unknown>): Job[] {
  const jobs: Job[] = []
  let step = steps.next()
  while (!step.done) {
    if (step.value) jobs.push(step.value)
    step = steps.next(step.value?.run())
  }
  return jobs
}

/** Sizes up to several times that of a result that is inflated at once. */
const anyBytes = fc
  .tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 1500 }))
  .map(([bytes, times]) => Buffer.concat(Array<Uint8Array>(times).fill(bytes)))

describe.each(['dictionary', 'gzip'] as const)('a layout compressed with %s', compression => {
  test('is read as it was written, at once and on other threads', async () => {
    await fc.assert(
      fc.asyncProperty(anyBytes, async bytes => {
        const compressed = runNow(compressLayoutSteps(bytes, compression))
        expect(decompress(compressed).equals(bytes)).toBe(true)
        expect((await onThreads(compressed)).equals(bytes)).toBe(true)
        expect(await runInSlices(compressLayoutSteps(bytes, compression))).toEqual(compressed)
      }),
      { numRuns: 30 },
    )
  })

  test('has the id of its content, whatever the compression', () => {
    fc.assert(
      fc.property(layoutArbitrary, layout => {
        const { id, bytes, compressed } = encodeLayout(layout, compression)
        expect(inflateLayout(id, compressed)).toEqual(bytes)
        expect(encodeLayout(layout).id).toBe(id)
      }),
      { numRuns: 50 },
    )
  })

  test('that is small is inflated at once', () => {
    const { compressed } = encodeLayout(httpService(300).layout, compression)
    expect(jobsOf(decompressLayoutSteps(compressed, LIMIT))).toEqual([])
  })
})

describe('a layout compressed with gzip by another program', () => {
  const { bytes } = encodeLayout(httpService(3000).layout)

  test('may have several members', async () => {
    for (const at of [0, 1, 1000, bytes.length]) {
      const members = [bytes.subarray(0, at), bytes.subarray(at)].map(part => gzipSync(part))
      const given = Buffer.concat(members)
      expect(decompress(given).equals(bytes)).toBe(true)
      expect((await onThreads(given)).equals(bytes)).toBe(true)
    }
  })

  test('is refused if other bytes than zeros follow it', () => {
    const whole = gzipSync(bytes)
    expect(decompress(Buffer.concat([whole, Buffer.alloc(9)])).equals(bytes)).toBe(true)
    for (const rest of ['rest', '\x1f\x8bgarbage']) {
      const error = refusal(() => decompress(Buffer.concat([whole, Buffer.from(rest, 'latin1')])))
      expect(error?.reason).toBe('layout')
    }
  })
})

describe('a layout compressed with the dictionary', () => {
  const { id, bytes, compressed } = encodeLayout(simpleLayout(40))

  test('that is changed in any byte is refused, with what to do', () => {
    for (let at = 0; at < compressed.length; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const changed = Buffer.from(compressed)
        changed[at] ^= mask
        const error = refusal(() => expect(inflateLayout(id, changed)).toEqual(bytes))
        // The bits that fill the last byte before the checksum mean nothing.
        if (!error && at === compressed.length - 5) continue
        expect(error?.reason, `byte ${at}`).toBe('layout')
        expect(error?.message).toMatch(/; (compress|write|upgrade|hash)/)
      }
    }
  })

  test.each([
    ...[9, 10, 11, 12, 13, 14, 15].map(windowBits => ({ windowBits })),
    { level: 0 },
    { strategy: constants.Z_HUFFMAN_ONLY },
    { strategy: constants.Z_FIXED },
  ])('by other settings of zlib is read: %o', async settings => {
    const { bytes } = encodeLayout(httpService(300).layout)
    const given = deflateSync(bytes, { ...settings, dictionary })
    expect(decompress(given).equals(bytes)).toBe(true)
    expect((await onThreads(given)).equals(bytes)).toBe(true)
  })

  test('in several blocks is read, whichever flush ends them', async () => {
    const { Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_PARTIAL_FLUSH } = constants
    for (const flush of [Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_PARTIAL_FLUSH]) {
      const stream = createDeflate({ dictionary })
      const all = buffer(stream)
      for (let at = 0; at < bytes.length; at += 100) {
        stream.write(bytes.subarray(at, at + 100))
        await new Promise<void>(resolve => stream.flush(flush, resolve))
      }
      stream.end()
      expect(decompress(await all).equals(bytes)).toBe(true)
    }
  })

  test('that ends early, or before what follows, is refused', async () => {
    const large = encodeLayout(httpService(2000).layout)
    for (const whole of [compressed, large.compressed]) {
      for (let end = 0; end < whole.length; end += whole === compressed ? 1 : 99) {
        const error = refusal(() => decompress(whole.subarray(0, end)))
        expect(error?.reason, `${end} bytes`).toBe('layout')
      }
      for (const rest of [Buffer.alloc(1), Buffer.from('rest'), whole]) {
        const longer = Buffer.concat([whole, rest])
        expect(refusal(() => decompress(longer))?.message).toContain('bytes follow the stream')
        await expect(onThreads(longer)).rejects.toMatchObject({ reason: 'layout' })
      }
    }
  })

  test.each([
    ['no bytes', Buffer.alloc(0), 'neither gzip nor'],
    ['the bytes of a layout', bytes, 'neither gzip nor'],
    ['raw bytes that look like zlib', Buffer.from([0x78, 0xf8, 0, 0, 0, 0]), 'neither gzip nor'],
    ['zlib without a dictionary', deflateSync(bytes), 'without a dictionary'],
    ['the first bytes of a header', compressed.subarray(0, 5), 'ends within its header'],
    ['a header alone', compressed.subarray(0, 6), 'unexpected end of file'],
    [
      'a dictionary that is not known',
      deflateSync(bytes, { dictionary: Buffer.from('http_requests') }),
      'needs the dictionary 0x2702059c, and this version has 0x39f14585 only; upgrade exposers',
    ],
    ['gzip that ends early', gzipSync(bytes).subarray(0, 40), 'is not gzip (unexpected end'],
  ])('%s is refused', (_, given, message) => {
    const error = refusal(() => decompress(given))
    expect(error?.reason).toBe('layout')
    expect(error?.message).toContain(message)
  })

  test('whose dictionary is not known is refused before anything is inflated', () => {
    const other = deflateSync(Buffer.alloc(100_000), { dictionary: dictionary.subarray(1) })
    expect(refusal(() => decompressLayoutSteps(other, LIMIT).next())?.reason).toBe('layout')
  })

  test('that inflates to more than the limit is refused at the limit', async () => {
    expect(decompress(deflated(Buffer.alloc(LIMIT)))).toHaveLength(LIMIT)
    const bombs = [LIMIT + 1, 64 * 1024 * 1024].map(size => deflated(Buffer.alloc(size)))
    for (const bomb of bombs) {
      expect(refusal(() => decompress(bomb))?.reason).toBe('limit')
      await expect(onThreads(bomb)).rejects.toMatchObject({ reason: 'limit' })
    }
    const before = process.memoryUsage().arrayBuffers
    expect(refusal(() => decompress(bombs[1], 1_000_000))?.reason).toBe('limit')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4_000_000)
    expect(refusal(() => decompress(deflated(Buffer.alloc(1001)), 1000))?.reason).toBe('limit')
    expect(decompress(deflated(Buffer.alloc(1000)), 1000)).toHaveLength(1000)
  })
})
