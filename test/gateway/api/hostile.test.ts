import { randomFillSync } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { Compressor } from 'snappy'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'
import { TextReader } from '../../../shared/metrics/text/reader.js'
import { CASES, UTF8_CASES } from '../../integration/gateway/cases.js'
import { send } from '../../integration/gateway/exchange.js'
import { type StartedGateway, startGateway } from '../../support/gateway.js'

const MIB = 2 ** 20
const LIMITS = { ...DEFAULT_LIMITS, samples: 1_000_000 }
const PROTOBUF =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited'

describe('a hostile client', () => {
  let gateway: StartedGateway

  beforeAll(async () => {
    gateway = await startGateway({
      utf8Names: true,
      checked: false,
      limits: {
        bodyBytes: MIB,
        decodedBytes: 4 * MIB,
        push: { ...DEFAULT_LIMITS, samples: 1000 },
        totalSamples: 100_000,
        memory: 2 * MIB,
        requests: 50,
        rate: 0,
        newTargets: 0,
      },
    })
  })
  afterAll(() => gateway?.stop())

  /** Prometheus can scrape what is held. */
  async function expectScrapable(): Promise<void> {
    const { status, body } = await send(gateway.url, { method: 'GET', path: '/metrics' })
    expect(status).toBe(200)
    new TextReader('scrape', LIMITS).read(Buffer.from(body), 'text')
    const series = body.match(/^[^#\n].*(?= \S+$)/gm) ?? []
    expect(series.length).toBe(new Set(series).size)
  }

  const push = (body: Buffer | string, headers: Record<string, string> = {}) =>
    send(gateway.url, { path: '/metrics/job/hostile', body, headers })

  test('with a gzip or snappy bomb gets 413, and costs no memory afterwards', async () => {
    const compressor = new Compressor()
    const zeros = compressor.update(Buffer.alloc(16 * MIB, '#'))
    const bombs = {
      gzip: gzipSync(Buffer.alloc(200 * MIB, '#')),
      snappy: Buffer.concat([zeros, await compressor.finish()]),
    }
    for (const [encoding, bomb] of Object.entries(bombs)) {
      expect(bomb.length).toBeLessThan(MIB)
      expect((await push(bomb, { 'Content-Encoding': encoding })).status, encoding).toBe(413)
    }
    const { body } = await send(gateway.url, { method: 'GET', path: '/telemetry' })
    expect(body).toMatch(/^gateway_request_body_bytes 0$/m)
  })

  test.each([
    [
      '10,000 labels',
      `x{${Array.from({ length: 10_000 }, (_, i) => `l${i}="1"`).join(',')}} 1\n`,
      {},
    ],
    ['a long name', `${'x'.repeat(100_000)} 1\n`, {}],
    ['a long value', `x{a="${'y'.repeat(100_000)}"} 1\n`, {}],
    ['a huge help text', `# HELP x ${'y'.repeat(100_000)}\nx 1\n`, {}],
    ['more samples than allowed', 'x 1\n'.repeat(1001), {}],
  ])('with %s gets 413', async (_, body, headers) => {
    expect((await push(body, headers)).status).toBe(413)
    await expectScrapable()
  })

  test.each([
    ['a length of 4 GiB', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f])],
    ['nested lengths', Buffer.from([0x05, 0x22, 0xff, 0xff, 0xff, 0x7f])],
    ['an endless varint', Buffer.alloc(100, 0xff)],
    ['random bytes', randomFillSync(Buffer.alloc(10_000))],
  ])('with %s in protobuf gets 400', async (_, body) => {
    expect((await push(body, { 'Content-Type': PROTOBUF })).status).toBe(400)
    await expectScrapable()
  })

  test('with an endless path gets an error of the client', async () => {
    for (const path of [
      `/metrics/job/${'a/b/'.repeat(5000)}c/d`,
      `/metrics/job/a/b/${'%25'.repeat(5000)}`,
      `/metrics/job/${'../'.repeat(5000)}`,
      `/metrics/job/a${'/'.repeat(10_000)}`,
    ]) {
      const { status } = await send(gateway.url, { path })
      expect(status, path.slice(0, 40)).toBeGreaterThanOrEqual(300)
      expect(status, path.slice(0, 40)).toBeLessThan(500)
    }
  })

  test('that pushes to ever new groups fills no more than the limit', async () => {
    const statuses = new Set<number>()
    for (let i = 0; i < 20_000 && !statuses.has(429); i++) {
      const url = `${gateway.url}/metrics/job/tiny-${i}`
      statuses.add((await fetch(url, { method: 'PUT', body: 'x 1\n' })).status)
    }
    expect(statuses).toContain(429)
    expect(gateway.store.held().bytes).toBeLessThan(3 * MIB)
    await expectScrapable()
    await send(gateway.url, { path: '/api/v1/admin/wipe' })
  })

  test('that changes any byte of any push never breaks the exposition', async () => {
    const bodies = [...CASES, ...UTF8_CASES]
      .flatMap(({ requests }) => requests)
      .filter(({ body }) => body !== undefined && body.length > 0)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...bodies),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
        fc.constantFrom(
          '/metrics/job/a',
          '/metrics/job/b/l.e/%C3%A4',
          '/metrics/job/a/quantile/0.5',
        ),
        fc.constantFrom('PUT', 'POST', 'accumulate'),
        async ({ body = '', headers = {} }, changes, path, method) => {
          const bytes = Buffer.from(Buffer.from(body as Buffer))
          for (const [at, byte] of changes) bytes[at % bytes.length] = byte
          const { status } = await send(gateway.url, {
            method: method === 'accumulate' ? 'POST' : method,
            path: method === 'accumulate' ? path.replace('metrics', 'accumulate') : path,
            body: bytes,
            headers,
          })
          expect(status).toBeLessThan(500)
          await expectScrapable()
        },
      ),
      { numRuns: 300 },
    )
  })
})
