import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { placeTargetSteps } from '../../../../agent/scrape/target/address.js'
import { TargetCollector } from '../../../../agent/scrape/target/collector.js'
import { ScrapeMemory } from '../../../../agent/scrape/target/memory.js'
import { publishInterval } from '../../../../agent/scrape/target/publish-interval.js'
import { Scraper } from '../../../../agent/scrape/target/scraper.js'
import { runNow } from '../../../../shared/base/steps.js'
import { createHttpClient } from '../../../../shared/http/client/client.js'
import type { Sample } from '../../../../shared/publish/sample.js'
import { decodeLayout } from '../../../../shared/snapshot/layout.js'
import { Peer } from '../../../shared/http/client/peer.js'
import { parseAgentFile } from '../../../support/agent-file.js'

const MIB = 2 ** 20
const TEXT = 'text/plain; version=0.0.4'
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

type Listener = Parameters<typeof Peer.start>[0]

interface Options {
  readonly fields?: object
  readonly memory?: ScrapeMemory
  readonly maxBodyBytes?: number
}

/** The only target of a job. */
function placed(address: string, fields: object = {}) {
  const config = { scrape_configs: [{ job_name: 'shop', scrape_timeout: '5s', ...fields }] }
  const [job] = parseAgentFile(JSON.stringify(config)).jobs
  const result = runNow(
    placeTargetSteps(address, { targets: [address], labels: {}, source: '0' }, job),
  )
  if (result.kind !== 'target') throw new Error(JSON.stringify(result))
  return { job, target: result.target }
}

/** A collector of the only target of a job, which the listener answers. */
async function collectorOf(listener: Listener, options: Options = {}) {
  const peer = await Peer.start(listener)
  const address = `127.0.0.1:${peer.port}`
  const { job, target } = placed(address, options.fields)
  const client = createHttpClient({ config: job.http, userAgent: 'kafka-exposer/1' })
  const memory =
    options.memory ?? new ScrapeMemory({ bodyBytes: 100 * MIB, retainedBytes: 100 * MIB })
  const scraper = new Scraper(target, job, client, options.maxBodyBytes ?? MIB)
  const collector = new TargetCollector(target, job, scraper, memory)
  cleanups.push(
    () => peer.stop(),
    () => client.close(),
  )
  return { collector, peer, address }
}

const page =
  (body: string | Buffer, type: string | undefined = TEXT): Listener =>
  (_, response) =>
    response.writeHead(200, type ? { 'content-type': type } : {}).end(body)

/** Series and values of a sample. */
function seriesOf({ parts, values, timestamps }: Sample): string[] {
  return parts.flatMap(({ layout, from }) => {
    let at = from
    return decodeLayout(layout.bytes).families.flatMap(({ name, series }) =>
      series.map(({ suffix, labels }) => {
        const text = labels.map(label => `${label.name}=${label.value}`).join()
        const time = timestamps ? ` @${timestamps[at]}` : ''
        return `${name}${suffix}{${text}} ${values[at++]}${time}`
      }),
    )
  })
}

const scrape = async (collector: TargetCollector, timeoutMs = 5000) =>
  (await collector.collect(timeoutMs)).sample()

describe('a scrape', () => {
  test('asks as Prometheus does', async () => {
    const { collector, peer } = await collectorOf(page('a 1\n'))
    await scrape(collector)
    expect(peer.requests[0].headers).toMatchObject({
      accept:
        'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      'accept-encoding': 'gzip',
      'user-agent': 'kafka-exposer/1',
      'x-prometheus-scrape-timeout-seconds': '5',
    })
  })

  test('has the series of the page', async () => {
    const { collector } = await collectorOf(page('a{x="1"} 1\nb 2 1000\n'))
    expect(seriesOf(await scrape(collector))).toEqual(['a{x=1} 1 @NaN', 'b{} 2 @1000'])
    expect(collector.figures).toEqual({ scraped: 2, kept: 2, overriding: 0, dropped: 0 })
  })

  test('has no timestamps if they are not honoured', async () => {
    const fields = { honor_timestamps: false }
    const { collector } = await collectorOf(page('b 2 1000\n'), { fields })
    expect(seriesOf(await scrape(collector))).toEqual(['b{} 2'])
  })

  test('makes one layout while only values change, also with relabelling', async () => {
    let value = 0
    const fields = { metric_relabel_configs: [{ target_label: 'l', replacement: 'x' }] }
    const { collector } = await collectorOf(
      (request, response) => page(`a ${value++}\nb ${value}\n`)(request, response),
      { fields },
    )
    const [first, second] = [await scrape(collector), await scrape(collector)]
    expect(seriesOf(second)).toEqual(['a{l=x} 1', 'b{l=x} 2'])
    expect(second.parts).toBe(first.parts)
  })

  test('moves exemplars with their series', async () => {
    const metric_relabel_configs = [{ source_labels: ['__name__'], regex: 'a', action: 'drop' }]
    const text = '# TYPE a gauge\na 1\n# TYPE c counter\nc_total 2 # {trace="t"} 0.5\n# EOF\n'
    const { collector } = await collectorOf(page(text, 'application/openmetrics-text'), {
      fields: { metric_relabel_configs },
    })
    expect((await scrape(collector)).exemplars).toMatchObject([{ series: 0, value: 0.5 }])
  })

  test('of an interval above two minutes is published again until the next one is due', async () => {
    const fields = { scrape_interval: '5m' }
    const { collector, peer } = await collectorOf(page('a 1\n'), { fields })
    for (let i = 0; i < 4; i++) expect(seriesOf(await scrape(collector))).toEqual(['a{} 1'])
    expect(peer.requests).toHaveLength(2)
  })

  test.each([
    [15_000, 15_000, 1],
    [120_000, 120_000, 1],
    [300_000, 100_000, 3],
    [3_600_000, 120_000, 30],
    [200, 1000, 1],
  ])('each %i ms is published each %i ms', (scrapeMs, intervalMs, perScrape) => {
    expect(publishInterval(scrapeMs)).toEqual({ intervalMs, perScrape })
  })

  test('reads every format by its content type', async () => {
    const openmetrics = await collectorOf(page('# EOF\n', 'application/openmetrics-text'))
    expect(seriesOf(await scrape(openmetrics.collector))).toEqual([])
    const fallback = { fields: { fallback_scrape_protocol: 'PrometheusText0.0.4' } }
    const blank = await collectorOf(page('a 1\n', ''), fallback)
    expect(seriesOf(await scrape(blank.collector))).toEqual(['a{} 1'])
  })
})

describe('a failed scrape says what Prometheus says', () => {
  test.each<[string, Listener, string]>([
    [
      'status',
      (_, r) => r.writeHead(503).end(),
      'server returned HTTP status 503 Service Unavailable',
    ],
    [
      'content type',
      page('<html>', 'text/html'),
      'received unsupported Content-Type "text/html" and no fallback_scrape_protocol specified for target',
    ],
    [
      'no content type',
      page('a 1\n', ''),
      'non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol specified for target',
    ],
  ])('%s', async (_, listener, message) => {
    const { collector } = await collectorOf(listener)
    await expect(scrape(collector)).rejects.toThrow(message)
  })

  test('refused connection', async () => {
    const { collector, peer, address } = await collectorOf(page(''))
    await peer.stop()
    await expect(scrape(collector)).rejects.toThrow(
      `Get "http://${address}/metrics": dial tcp ${address}: connect: connection refused`,
    )
  })

  test('timeout', async () => {
    const { collector, address } = await collectorOf(() => {}, {
      fields: { scrape_timeout: '50ms' },
    })
    await expect(scrape(collector)).rejects.toThrow(
      `Get "http://${address}/metrics": context deadline exceeded`,
    )
  })

  test('body_size_limit, of exactly as many bytes too', async () => {
    const body = 'a 1\n'.repeat(10)
    const at = async (bytes: number) =>
      (await collectorOf(page(body), { fields: { body_size_limit: `${bytes}B` } })).collector
    await expect(scrape(await at(40))).rejects.toThrow('body size limit exceeded')
    await expect(scrape(await at(41))).resolves.toBeDefined()
  })

  test('sample_limit', async () => {
    const { collector } = await collectorOf(page('a 1\nb 2\n'), { fields: { sample_limit: 1 } })
    await expect(scrape(collector)).rejects.toThrow('sample limit exceeded')
  })
})

describe('a hostile page', () => {
  const endless =
    (chunk: Buffer): Listener =>
    (_, response) => {
      response.writeHead(200, { 'content-type': TEXT })
      const write = () => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', write)
      write()
    }

  test('that is endless is cut at the limit', async () => {
    const { collector } = await collectorOf(endless(Buffer.from('a 1\n'.repeat(10_000))))
    await expect(scrape(collector)).rejects.toThrow('body size limit exceeded')
  })

  test('that inflates without end is cut at the limit', async () => {
    const body = gzipSync(Buffer.alloc(64 * MIB))
    const { collector } = await collectorOf((_, response) =>
      response.writeHead(200, { 'content-type': TEXT, 'content-encoding': 'gzip' }).end(body),
    )
    await expect(scrape(collector)).rejects.toThrow('body size limit exceeded')
  })

  test('that drips ends with the timeout', async () => {
    const { collector } = await collectorOf(
      (_, response) => {
        response.writeHead(200, { 'content-type': TEXT })
        const timer = setInterval(() => response.write('#'), 5)
        response.on('close', () => clearInterval(timer))
      },
      { fields: { scrape_timeout: '100ms' } },
    )
    await expect(scrape(collector)).rejects.toThrow('context deadline exceeded')
  })

  test('of garbage is refused with its first line', async () => {
    const { collector } = await collectorOf(page(Buffer.alloc(500_000, 0xff)))
    await expect(scrape(collector)).rejects.toThrow(/^line 1: /)
  })

  test('with more series than a target can have fails as with sample_limit', async () => {
    let count = 50_001
    const body = () => Array.from({ length: count }, (_, i) => `a{i="${i}"} 1\n`).join('')
    const { collector } = await collectorOf((q, r) => page(body())(q, r), { maxBodyBytes: 8 * MIB })
    await expect(scrape(collector)).rejects.toThrow(
      'sample limit exceeded: 50001 series after metric relabelling, and a target can have 50000',
    )
    count = 50_000
    expect((await scrape(collector)).values.length).toBe(50_000)
    expect(collector.figures).toMatchObject({ scraped: 50_000, dropped: 0 })
  })

  test('with more series than a target can have is scraped if relabelling drops some', async () => {
    const body = Array.from({ length: 60_000 }, (_, i) => `a{i="${i}"} 1\n`).join('')
    const { collector } = await collectorOf(page(body), {
      maxBodyBytes: 8 * MIB,
      fields: { metric_relabel_configs: [{ source_labels: ['i'], regex: '5.*', action: 'drop' }] },
    })
    expect((await scrape(collector)).values.length).toBe(48_889)
  })
})

describe('the scrapes of all targets', () => {
  test('that hang do not delay others, and hold no memory', async () => {
    const memory = new ScrapeMemory({ bodyBytes: MIB, retainedBytes: MIB })
    const hanging = await collectorOf(() => {}, { memory, fields: { scrape_timeout: '1s' } })
    const good = await collectorOf(page('a 1\n'), { memory })
    const failed = Array.from({ length: 100 }, () => scrape(hanging.collector).catch(String))
    expect(seriesOf(await scrape(good.collector))).toEqual(['a{} 1'])
    expect([memory.scrapes, memory.bodyBytes]).toEqual([100, 0])
    expect(new Set(await Promise.all(failed)).size).toBe(1)
    expect(memory.scrapes).toBe(0)
  })

  test.each([
    ['plain', (text: string) => page(text)],
    [
      'compressed',
      (text: string): Listener =>
        (_, response) =>
          response
            .writeHead(200, { 'content-type': TEXT, 'content-encoding': 'gzip' })
            .end(gzipSync(text)),
    ],
  ])('beyond the memory of all pages fail, %s', async (_, listener) => {
    const text = '# comment\n'.repeat(40_000)
    const memory = new ScrapeMemory({ bodyBytes: 300_000, retainedBytes: MIB })
    const { collector } = await collectorOf(listener(text), { memory })
    await expect(scrape(collector)).rejects.toThrow('no memory left for the body of the response')
    expect(memory.bodyBytes).toBe(0)
  })

  test('keep no more pages than memory allows', async () => {
    const body = Array.from({ length: 2000 }, (_, i) => `b{i="${i}"} 1\n`).join('')
    const measured = new ScrapeMemory({ bodyBytes: 100 * MIB, retainedBytes: 100 * MIB })
    await scrape((await collectorOf(page(body), { memory: measured })).collector)
    const retainedBytes = 1.5 * measured.retainedBytes
    const memory = new ScrapeMemory({ bodyBytes: 100 * MIB, retainedBytes })
    const one = await collectorOf(page(body), { memory })
    const two = await collectorOf(page(body), { memory })
    await scrape(one.collector)
    expect(memory.retainedBytes).toBeGreaterThan(0)
    const before = memory.retainedBytes
    await expect(scrape(two.collector)).rejects.toThrow('raise --limit.retained-bytes')
    expect(memory.retainedBytes).toBe(before)
    one.collector.leave()
    expect(memory.retainedBytes).toBe(0)
    await expect(scrape(two.collector)).resolves.toBeDefined()
  })

  test('of many targets that are due at once leave turns of the event loop to others', async () => {
    let begun = 0
    let mostInTurn = 0
    const scraper = {
      scrape: async () => {
        begun++
        for (const start = performance.now(); performance.now() - start < 1; );
        return { body: Buffer.from('a 1\n'), format: 'text' }
      },
    } as unknown as Scraper
    const { job, target } = placed('127.0.0.1:1')
    const memory = new ScrapeMemory({ bodyBytes: MIB, retainedBytes: 100 * MIB })
    const due = Array.from({ length: 100 }, () => new TargetCollector(target, job, scraper, memory))
    const collections = Promise.all(due.map(collector => collector.collect(5000)))
    expect(begun).toBe(0)
    for (let before = 0; begun < due.length; before = begun) {
      await new Promise(resolve => setTimeout(resolve))
      mostInTurn = Math.max(mostInTurn, begun - before)
    }
    await collections
    expect(mostInTurn).toBeLessThan(50)
  })

  test('of a target that has left do not take place: its last sample is empty', async () => {
    const { collector, peer } = await collectorOf(page('a 1\n'))
    await scrape(collector)
    collector.leave()
    expect(seriesOf(await scrape(collector))).toEqual([])
    expect(peer.requests).toHaveLength(1)
  })
})
