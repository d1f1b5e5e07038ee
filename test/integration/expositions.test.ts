import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import { type LocalPushgateway, startPushgateway } from '../../dev/local/pushgateway.js'
import { CASES, type Case, pageOf } from '../shared/metrics/text/collection.js'
import { DIFFERENCES } from '../shared/metrics/text/differences.js'
import { agree, type Judgement, ours } from '../shared/metrics/text/judgement.js'
import { spell } from '../shared/metrics/text/spelling.js'
import { eventually } from '../support/eventually.js'
import { partOrSkip } from '../support/or-skip.js'

const FORMATS = {
  'scrape text': 'text/plain; version=0.0.4; charset=utf-8',
  'scrape openmetrics': 'application/openmetrics-text; version=1.0.0; charset=utf-8',
} as const
type Format = keyof typeof FORMATS

const prometheusPath = await partOrSkip('prometheus')
const pushgatewayPath = await partOrSkip('pushgateway')

/**
 * This Prometheus ignores explicit timestamps (honor_timestamps: false), because it would refuse
 * old ones.
 */
const withoutTimestamps = (judgement: Judgement): Judgement =>
  typeof judgement === 'string'
    ? judgement
    : judgement.map(sample => sample.replace(/ (@|# ).*$/, ''))

function expectAgreement(
  dialect: Format | 'push',
  judged: readonly (readonly [Case, Judgement])[],
): void {
  const documented = Object.values(DIFFERENCES[dialect]).flat()
  const surprising = judged
    .filter(([{ text }]) => !documented.includes(text))
    .map(([case_, judge]) => ({
      page: case_.text,
      ours: withoutTimestamps(ours(dialect, case_)),
      judge,
    }))
    .filter(({ ours, judge }) => !agree(ours, judge))
  expect(surprising).toEqual([])
}

describe.skipIf(!prometheusPath)('every exposition of the collection', () => {
  let pages: Server
  let prometheus: LocalPrometheus

  beforeAll(async () => {
    pages = createServer((request, response) => {
      const [, name, index] = request.url!.split('/')
      response.setHeader('content-type', FORMATS[`scrape ${name}` as Format])
      response.end(pageOf(CASES[Number(index)], name === 'openmetrics'))
    })
    pages.listen(0, '127.0.0.1')
    await once(pages, 'listening')
    const target = `127.0.0.1:${(pages.address() as AddressInfo).port}`
    prometheus = await startPrometheus({
      config: {
        global: { scrape_interval: '10s', scrape_timeout: '10s' },
        scrape_configs: Object.keys(FORMATS).map(format => ({
          job_name: format,
          honor_labels: true,
          honor_timestamps: false,
          static_configs: CASES.map((_, index) => ({
            targets: [target],
            labels: { case: String(index), __metrics_path__: `/${format.split(' ')[1]}/${index}` },
          })),
        })),
      },
    })
  })

  afterAll(async () => {
    await prometheus?.stop()
    pages?.close()
    pages?.closeAllConnections()
  })

  /** The refusal of Prometheus or the stored samples, by page. */
  async function judgements(format: Format): Promise<[Case, Judgement][]> {
    const targets = (await prometheus.targets()).filter(({ scrapePool }) => scrapePool === format)
    expect(targets.filter(({ health }) => health === 'unknown')).toEqual([])
    expect(targets).toHaveLength(CASES.length)
    const refused = new Map(
      targets
        .filter(({ health }) => health === 'down')
        .map(({ labels, lastError }) => [labels.case, lastError]),
    )
    const stored = new Map<string, string[]>()
    for (const { metric, value } of await prometheus.query(`{case!="",job="${format}"}`)) {
      const { case: index, job, instance, ...labels } = metric
      const name = labels.__name__
      if (name === 'up' || name.startsWith('scrape_')) continue
      const number = Number(value[1].replace('Inf', 'Infinity'))
      const sample = spell({ labels: Object.entries(labels), value: number })
      stored.set(index, [...(stored.get(index) ?? []), sample].sort())
    }
    return CASES.map((case_, index) => [
      case_,
      refused.get(`${index}`) ?? stored.get(`${index}`) ?? [],
    ])
  }

  test.each(Object.keys(FORMATS) as Format[])(
    '%s: a real Prometheus accepts the same pages and stores the same samples as our reader',
    // Repeated, because scrapes may time out on a busy machine.
    format =>
      eventually(async () => expectAgreement(format, await judgements(format)), 120_000, 1000),
  )
})

describe.skipIf(!pushgatewayPath)('every exposition of the collection', () => {
  let pushgateway: LocalPushgateway

  beforeAll(async () => {
    pushgateway = await startPushgateway([
      '--push.disable-consistency-check',
      '--push.enable-utf8-names',
    ])
  })
  afterAll(() => pushgateway?.stop())

  test('push: a real Pushgateway accepts the same pages as our reader', async () => {
    const judged: [Case, Judgement][] = []
    for (const [index, case_] of CASES.entries()) {
      const response = await fetch(`${pushgateway.url}/metrics/job/${index}`, {
        method: 'PUT',
        body: new Uint8Array(pageOf(case_, false)),
      }).catch(String)
      // Pushgateway closes the connection if its parser panics.
      const refused = typeof response === 'string' || !response.ok
      const reading = withoutTimestamps(ours('push', case_))
      judged.push([case_, refused ? 'refused' : typeof reading === 'string' ? [] : reading])
    }
    expectAgreement('push', judged)
  })
})
