import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { receive } from '../../../../shared/http/body/receive.js'
import { RequestBodies } from '../../../../shared/http/body/request-bodies.js'
import type { Exchange } from '../../../../shared/http/exchange.js'

const TIMEOUT = { timeoutMs: 20_000, timeoutError: () => new Error('too slow') }

/** A request whose chunks have all arrived, its end included. */
const arrived = (chunks: readonly Buffer[]) => {
  const request = new Readable({ read() {} })
  for (const chunk of [...chunks, null]) request.push(chunk)
  return request as IncomingMessage
}

describe('a body of which everything has arrived', () => {
  test('has ended when its last chunk is taken, not when its end is seen', async () => {
    const steps: string[] = []
    const take = async (chunk: Buffer) => {
      for (let turn = 0; turn < 3; turn++) await setImmediate()
      steps.push(chunk.toString())
    }
    await receive(arrived([Buffer.from('a'), Buffer.from('b')]), take, TIMEOUT)
    expect(steps).toEqual(['a', 'b'])
  })

  test('fails with what the last chunk throws', async () => {
    const take = async () => {
      await setImmediate()
      throw new Error('refused')
    }
    await expect(receive(arrived([Buffer.from('a')]), take, TIMEOUT)).rejects.toThrow('refused')
  })

  test('is decoded in order, whatever its chunks are', async () => {
    const limits = { maxSent: 1e6, maxDecoded: 1e6, maxHeld: 1e7, timeoutMs: 20_000 }
    const lengths = fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(lengths, fc.boolean(), async (lengths, isCompressed) => {
        const length = lengths.reduce((sum, length) => sum + length, 0)
        // Almost incompressible, so that the compressed body has as many blocks.
        const bytes = Buffer.from(Array.from({ length }, (_, i) => Math.imul(i, 2654435761) >> 13))
        const encoded = isCompressed ? gzipSync(bytes, { level: 0 }) : bytes
        let from = 0
        const chunks = lengths.map((length, i) => {
          const to = i === lengths.length - 1 ? encoded.length : from + length
          const chunk = encoded.subarray(from, to)
          from = to
          return chunk
        })
        const request = arrived(chunks)
        request.headers = { 'content-encoding': isCompressed ? 'gzip' : 'identity' }
        const response = new Readable({ read() {} })
        const exchange = { req: request, res: response } as unknown as Exchange
        expect((await new RequestBodies(limits).read(exchange)).equals(bytes)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })
})
