import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Agent } from '../../agent/server/agent.js'
import { KafkaSink } from '../../agent/targets/kafka-sink.js'
import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import { createExposer, type Exposer } from '../../exposer/server/exposer.js'
import { systemClock } from '../../shared/base/clock.js'
import { startAgent } from '../support/agent.js'
import { loadAgentFile } from '../support/agent-file.js'
import { eventually } from '../support/eventually.js'
import { EXPOSER_CONFIG } from '../support/exposer-config.js'
import { name, newTopic, silent } from '../support/kafka.js'
import { partOrSkip } from '../support/or-skip.js'

const prometheusPath = await partOrSkip('prometheus')
const folder = mkdtempSync(join(tmpdir(), 'kafka-exposer-agent-'))

const TEXT = 'text/plain; version=0.0.4'
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/** Values that change would differ between two scrapes: all are constant. */
const PAGES: Readonly<Record<string, { readonly type: string; readonly body: string | Buffer }>> = {
  text: {
    type: TEXT,
    body: `# HELP shop_orders_total Orders.
# TYPE shop_orders_total counter
shop_orders_total{state="paid"} 3
shop_orders_total{state="lost"} 4
# TYPE shop_up gauge
shop_up 1
# TYPE shop_seconds histogram
shop_seconds_bucket{le="0.5"} 1
shop_seconds_bucket{le="1"} 2
shop_seconds_bucket{le="+Inf"} 2
shop_seconds_sum 1.5
shop_seconds_count 2
`,
  },
  openmetrics: {
    type: OPENMETRICS,
    body: `# TYPE jobs counter
jobs_total{queue="a b"} 7
# TYPE build info
build_info{version="1.0"} 1
# TYPE pages summary
pages{quantile="0.5"} 1
pages_sum 3
pages_count 2
# EOF
`,
  },
  protobuf: {
    type: 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
    body: readFileSync(new URL('../shared/metrics/protobuf/fixtures/process.pb', import.meta.url)),
  },
  conflicts: {
    type: TEXT,
    body: `own{instance="inner",job="mine"} 1
own{instance="",zone="b"} 2
own{exported_instance="x",instance="y"} 3
other{team="theirs"} 4
`,
  },
  relabelled: {
    type: TEXT,
    body: `# TYPE keep_a gauge
keep_a{path="/x/1"} 1
keep_a{path="/x/2"} 2
# TYPE drop_me gauge
drop_me 1
# TYPE old_total counter
old_total 5
# TYPE lat histogram
lat_bucket{le="1",tmp="q"} 1
lat_bucket{le="+Inf",tmp="q"} 1
lat_sum{tmp="q"} 1
lat_count{tmp="q"} 1
`,
  },
  labels: { type: TEXT, body: 'l{a="1",long_name_="2",c="a value of 19 byte"} 1\n' },
  untyped: { type: '', body: 'untyped 1\n' },
  stamped: { type: TEXT, body: `stamped 1 ${Date.now()}\nnot_stamped 2\n` },
  twice: { type: TEXT, body: 'twice{a="b"} 1\ntwice{a="c"} 1\ntwice{a="b"} 2\n' },
  empty: { type: TEXT, body: '' },
  invalid: { type: TEXT, body: Buffer.from('valid 1\ninvalid{a="\xff"} 1\n', 'latin1') },
  infinite: { type: TEXT, body: 'inf +Inf\nneg -Inf\nnan NaN\nhex 0x10\nexp 1e3\nlong 1_0\n' },
  wide: { type: TEXT, body: Array.from({ length: 30 }, (_, i) => `m${i} ${i}\n`).join('') },
  garbage: { type: TEXT, body: 'this is no metric\n' },
  html: { type: 'text/html', body: '<html></html>' },
}

const REDIRECTS: Readonly<Record<string, string>> = { redirected: '/text', circle: '/circle' }

/** Jobs whose pages cannot be read: the reason has other words than that of Prometheus. */
const OWN_WORDS = new Set(['garbage', 'html_fallback', 'infinite', 'invalid'])

/** After redirects Prometheus tells the last location, as it was in the response. */
const withoutUrl = (error: string) => error.replace(/(?<=^Get ").*(?=": stopped after)/, '')

/** Scrape configurations with every kind of target. Both get them as they are. */
const jobs = (address: string) => {
  const target = (labels: object = {}) => [{ targets: [address], labels }]
  const page = (path: string, more: object = {}) => ({
    job_name: path,
    metrics_path: `/${path}`,
    static_configs: target({ team: 'a' }),
    ...more,
  })
  const copy = {
    source_labels: ['path'],
    regex: '/x/(.*)',
    target_label: 'path',
    replacement: 'p$1',
  }
  return [
    page('text'),
    page('openmetrics', { params: { 'm[]': ['x', 'y'] } }),
    page('protobuf', { scrape_protocols: ['PrometheusProto', 'PrometheusText0.0.4'] }),
    page('conflicts'),
    page('conflicts', { job_name: 'honored', honor_labels: true }),
    page('relabelled', {
      metric_relabel_configs: [
        { source_labels: ['__name__'], regex: 'drop_.*', action: 'drop' },
        {
          source_labels: ['__name__'],
          regex: 'old_(.*)',
          target_label: '__name__',
          replacement: 'new_$1',
        },
        { regex: 'tmp', action: 'labeldrop' },
        copy,
        {
          source_labels: ['path', 'instance'],
          target_label: 'shard',
          modulus: 4,
          action: 'hashmod',
        },
      ],
    }),
    page('text', {
      job_name: 'renamed',
      relabel_configs: [
        { source_labels: ['__address__'], target_label: 'origin' },
        { target_label: 'instance', replacement: 'fixed' },
        { source_labels: ['team'], action: 'uppercase', target_label: 'team' },
        { target_label: '__metrics_path__', replacement: '/openmetrics' },
      ],
    }),
    page('text', {
      job_name: 'unwanted',
      relabel_configs: [{ source_labels: ['team'], regex: 'a', action: 'drop' }],
    }),
    page('wide', { job_name: 'limited', sample_limit: 10 }),
    page('wide', { job_name: 'unlimited' }),
    page('labels', { job_name: 'labels', label_limit: 7 }),
    page('labels', { job_name: 'label_limit', label_limit: 6 }),
    page('labels', { job_name: 'label_name', label_name_length_limit: 9 }),
    page('labels', { job_name: 'label_name_whole', label_name_length_limit: 10 }),
    page('labels', { job_name: 'label_value', label_value_length_limit: 16 }),
    page('wide', { job_name: 'body', body_size_limit: '100B' }),
    {
      ...page('text', { job_name: 'target_limit', target_limit: 1 }),
      static_configs: [...target({ instance: 'one' }), ...target({ instance: 'two' })],
    },
    {
      ...page('text', { job_name: 'dropped', keep_dropped_targets: 1 }),
      static_configs: [...target({ n: 'one' }), ...target({ n: 'two' }), ...target({ n: 'three' })],
      relabel_configs: [{ source_labels: ['n'], regex: 't.*', action: 'drop' }],
    },
    page('untyped'),
    page('untyped', { job_name: 'fallback', fallback_scrape_protocol: 'PrometheusText0.0.4' }),
    page('html', { job_name: 'html_fallback', fallback_scrape_protocol: 'PrometheusText0.0.4' }),
    page('stamped'),
    page('stamped', { job_name: 'unstamped', honor_timestamps: false }),
    page('redirected'),
    page('redirected', { job_name: 'unfollowed', follow_redirects: false }),
    page('circle'),
    page('text', { job_name: 'uncompressed', enable_compression: false }),
    page('protobuf', { job_name: 'classic', always_scrape_classic_histograms: true }),
    page('twice'),
    page('empty'),
    page('invalid'),
    page('infinite'),
    page('garbage'),
    page('html'),
    page('missing'),
    { job_name: 'files', file_sd_configs: [{ files: [join(folder, 'targets-*.yml')] }] },
  ]
}

describe.skipIf(!prometheusPath)('an agent with the file of a Prometheus agent', () => {
  let pages: Server
  let agent: Agent
  let exposer: Exposer
  /** Scrapes the pages itself. */
  let direct: LocalPrometheus
  /** Scrapes the virtual targets. */
  let virtual: LocalPrometheus
  let down = false

  beforeAll(async () => {
    pages = createServer((request, response) => {
      const path = request.url!.slice(1).split('?')[0]
      const page = PAGES[path]
      if (!down && path in REDIRECTS)
        return response.writeHead(302, { location: REDIRECTS[path] }).end()
      if (path === 'leaving' && !down)
        return response.setHeader('content-type', TEXT).end('left 1\n')
      if (!page || down) return response.writeHead(503).end()
      if (page.type !== '') response.setHeader('content-type', page.type)
      if (request.headers['accept-encoding'] !== 'gzip') return response.end(page.body)
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync(page.body))
    })
    await new Promise<void>(resolve => pages.listen(0, '127.0.0.1', resolve))
    const address = `127.0.0.1:${(pages.address() as AddressInfo).port}`
    writeFileSync(
      join(folder, 'targets-1.yml'),
      `- targets: ['${address}']\n  labels: {__metrics_path__: /leaving, version: 1.10}\n`,
    )
    const config = {
      // A busy machine cannot answer the scrapes of all targets within a second.
      global: { scrape_interval: '3s', scrape_timeout: '3s', external_labels: { zone: 'z' } },
      scrape_configs: jobs(address),
    }
    writeFileSync(join(folder, 'agent.yml'), JSON.stringify(config))

    const kafka = { brokers: inject('brokers') }
    const topic = await newTopic(2)
    exposer = createExposer(
      { ...EXPOSER_CONFIG, kafka, topic, group: name('agent') },
      { logger: silent, version: '0.0.0' },
    )
    await exposer.start()
    const sink = new KafkaSink({ kafka, topic, clock: systemClock, logger: silent })
    const file = join(folder, 'agent.yml')
    const loadPlan = function* () {
      const { jobs, externalLabels, warnings } = yield* loadAgentFile(file)
      return { plan: { jobs, externalLabels, sidecars: new Set<string>() }, warnings }
    }
    agent = await startAgent({ file, loadPlan }, sink)
    direct = await startPrometheus({ config })
    virtual = await startPrometheus({
      config: {
        scrape_configs: [
          {
            job_name: 'virtual',
            honor_labels: true,
            http_sd_configs: [{ url: `${exposer.url}/sd`, refresh_interval: '3s' }],
          },
        ],
      },
    })
  })
  afterAll(async () => {
    await virtual?.stop()
    await direct?.stop()
    await agent?.stop()
    await exposer?.stop()
    pages?.closeAllConnections()
    pages?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Series and values, without those that Prometheus writes about its own scrapes. */
  const stored = async (prometheus: LocalPrometheus): Promise<string[]> => {
    const samples = await prometheus.query('{__name__!~"scrape_.*|exposer_.*",__name__!=""}')
    return samples
      .map(({ metric, value }) => {
        // External labels are those of remote write, which the direct scrape does not have.
        const { zone, ...labels } = metric
        const isExternal = zone === undefined || zone === 'z'
        return JSON.stringify([Object.entries(isExternal ? labels : metric).sort(), value[1]])
      })
      .sort()
  }

  test('leads to the series that a Prometheus stores that scrapes the same targets', async () => {
    await eventually(async () => {
      const [theirs, ours] = [await stored(direct), await stored(virtual)]
      expect(theirs.length).toBeGreaterThan(70)
      expect(ours).toEqual(theirs)
    })
  })

  test('shows the same targets with the same errors', async () => {
    const shown = async (url: string) => {
      const response = await fetch(`${url}/api/v1/targets`)
      const { data } = (await response.json()) as {
        data: { activeTargets: Record<string, string>[]; droppedTargetCounts: object }
      }
      const targets = data.activeTargets.map(
        ({ scrapePool, scrapeUrl, health, lastError, scrapeInterval, scrapeTimeout }) => ({
          scrapePool,
          scrapeUrl,
          health,
          lastError: OWN_WORDS.has(scrapePool) ? lastError !== '' : withoutUrl(lastError),
          scrapeInterval,
          scrapeTimeout,
        }),
      )
      return {
        targets: targets.sort((a, b) => (a.scrapePool < b.scrapePool ? -1 : 1)),
        dropped: data.droppedTargetCounts,
      }
    }
    await eventually(async () => {
      expect(await shown(agent.url)).toEqual(await shown(direct.url))
    })
  })

  test('a target that leaves discovery ends without an alert', async () => {
    await eventually(async () => {
      expect(await virtual.query('left{job="files"}')).toHaveLength(1)
    })
    writeFileSync(join(folder, 'targets-1.yml'), '[]')
    await eventually(async () => {
      expect(await virtual.query('up{job="files"}')).toEqual([])
      expect(await virtual.query('left')).toEqual([])
    })
    expect(await virtual.samples('up{job="files"}[1m]')).toMatchObject([
      { values: expect.not.arrayContaining([[expect.anything(), '0']]) },
    ])
  })

  test('targets that fail are down with the next scrape, and up again', async () => {
    down = true
    await eventually(async () => {
      expect(await virtual.query('up{team="a"} == 1')).toEqual([])
    })
    await eventually(async () => {
      const targets = await virtual.targets()
      expect(targets.find(({ labels }) => labels.job === 'text')?.lastError).toContain('503')
    })
    down = false
    await eventually(async () => {
      expect(await virtual.query('up{job="text"} == 1')).toHaveLength(1)
    })
  })
})
