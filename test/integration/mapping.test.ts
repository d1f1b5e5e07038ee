import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import { compileSteps } from '../../exposer/core/store/compiled-layout.js'
import { runNow } from '../../shared/base/steps.js'
import { familyLines } from '../../shared/exposition/family-lines.js'
import { contentType, type Format } from '../../shared/exposition/format.js'
import { layoutTextSteps } from '../../shared/exposition/layout-text.js'
import { NO_LABELS, seriesLines } from '../../shared/exposition/series-lines.js'
import type { Exposition } from '../../shared/metrics/model.js'
import { TextReader } from '../../shared/metrics/text/reader.js'
import { ExpositionRefused } from '../../shared/metrics/text/refusal.js'
import { place } from '../../shared/publish/place.js'
import { decodeLayout, encodeLayout } from '../../shared/snapshot/layout.js'
import type { Mapping } from '../../shared/snapshot/mapping/mapping.js'
import { mapSources } from '../../shared/snapshot/mapping/sources.js'
import { validateLayout } from '../../shared/snapshot/validate.js'
import { CASES, type Case, pageOf } from '../shared/metrics/text/collection.js'
import { eventually } from '../support/eventually.js'
import { partOrSkip } from '../support/or-skip.js'

const prometheusPath = await partOrSkip('prometheus')

const TEXT: Format = { name: 'text-1.0.0', escaping: 'allow-utf-8' }
const OPENMETRICS: Format = { name: 'openmetrics-1.0.0', escaping: 'allow-utf-8' }

/**
 * The format of the page in the direct scrape, and the format in which the exposer writes it from
 * the record.
 */
const ROUTES: Readonly<Record<string, { readonly read: Format; readonly written: Format }>> = {
  text: { read: TEXT, written: TEXT },
  openmetrics: { read: OPENMETRICS, written: OPENMETRICS },
  'openmetrics-to-text': { read: OPENMETRICS, written: TEXT },
}

/** Pages that test the mapping, in addition to the collection. */
const PAGES: readonly string[] = [
  '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="1e-07"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\nh_created{le="2"} 4\n',
  '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="x"} 1\nh_bucket 7\nh_bucket{le="1e999"} 2\nh_sum{le="1e6"} 3\nh 5\n',
  '# TYPE s summary\ns{quantile="1"} 1\ns{quantile="0.50"} 2\ns_sum 3\ns_count 2\n',
  '# TYPE s summary\ns{quantile="1"} 1\ns{a="b"} 2\ns_sum 3\n',
  '# TYPE g gauge\ng{le="1"} 1\ng{le="1.0"} 2\ng{quantile="3"} 4\n# TYPE c_total counter\nc_total{le="1"} 1\n',
  '# TYPE hits gauge\nhits 1\n# TYPE hits_total counter\nhits_total 2\n# TYPE h_count_total counter\nh_count_total 3\n# TYPE h histogram\nh_count 4\n',
  '# TYPE hits counter\nhits 1\nhits_total 2\nhits_created 3\n# TYPE a_total_total counter\na_total_total 4\n',
  '# TYPE b info\nb_info{v="1"} 1\n# TYPE b_info_total counter\nb_info_total 2\n# TYPE q stateset\nq{q="on"} 1\nq{q="off"} 0\n',
  '# TYPE q gaugehistogram\nq_bucket{le="1"} 1\nq_bucket{le="+Inf"} 1\nq_gcount 1\nq_gsum 2\n',
  '# TYPE größe gauge\n{"größe","ö.x"="ü"} 1\n# TYPE "a b" counter\n{"a b_total"} 2\n',
]

/** Pages for which Prometheus stores other samples, by reason, as in docs/mapping.md. */
const DIFFERENT: Readonly<Record<string, readonly string[]>> = {
  'labels that begin with __ are left out and counted': ['a{__l="x"} 1\n'],
  'a NUL becomes U+FFFD': ['a{l="x\x00y"} 1\n'],
  'hexadecimal and underscores in le are no numbers': [
    '# TYPE h histogram\nh_bucket{le="0x1p1"} 1\n',
    '# TYPE h histogram\nh_bucket{le="1_0"} 1\n',
  ],
  'the type of a name is that of its first sample': [
    'h_bucket{le="1"} 1\n# TYPE h histogram\nh_bucket{le="2"} 2\nh_sum 1\n',
  ],
  'a series has one sample, the last': [
    'a 1 100\na 2 200\n',
    'a 1 100\na 2\n',
    'a 1 100\nb 1\na 2 200\n',
    '# TYPE a gauge\na{l="x"} 1 100\na{l="x"} 2 200\na{l="y"} 1 100\n',
    '# TYPE c counter\nc_total 1 100\nc_created 5 100\nc_total 2 200\nc_created 5 200\n',
  ],
  'a NUL outside of strings ends the page for Prometheus': ['a 1\n#c\x00d\nb 2\n'],
}
const CASES_AND_PAGES: readonly Case[] = [
  ...CASES,
  ...PAGES.map(text => ({ group: 'mapping', text })),
]

interface Read {
  readonly exposition: Exposition
  readonly mapping: Mapping
}

/** Reads and maps a page. @returns undefined for a page that is refused */
function read(case_: Case, format: Format): Read | undefined {
  const openMetrics = format === OPENMETRICS
  try {
    const page = pageOf(case_, openMetrics)
    const exposition = new TextReader('scrape').read(page, openMetrics ? 'openmetrics' : 'text')
    return { exposition, mapping: runNow(mapSources([exposition])) }
  } catch (error) {
    if (error instanceof ExpositionRefused) return undefined
    throw error
  }
}

/** The page as an exposer writes it from its records. */
function written({ exposition, mapping }: Read, format: Format): string {
  const { id, bytes } = encodeLayout(mapping.layout)
  const decoded = decodeLayout(bytes)
  validateLayout(decoded)
  const layout = runNow(compileSteps(decoded, id, { fits: () => false, onGrown() {} }))
  const values = place(mapping, exposition.values)
  const text = runNow(layoutTextSteps(decoded, format.escaping, new Set()))
  const lines = layout.families.map(
    family =>
      familyLines(family, format) + seriesLines(values, text, family, NO_LABELS, null, null),
  )
  const end = format === OPENMETRICS ? '\n# EOF\n' : '\n'
  return Buffer.from(lines.join('').slice(1) + end, 'latin1').toString()
}

describe.skipIf(!prometheusPath)('a page that is scraped directly and through a record', () => {
  let pages: Server
  let prometheus: LocalPrometheus

  beforeAll(async () => {
    const bodies = new Map<string, { readonly type: string; readonly body: Buffer | string }>()
    for (const [route, formats] of Object.entries(ROUTES))
      for (const [index, case_] of CASES_AND_PAGES.entries()) {
        const page = pageOf(case_, formats.read === OPENMETRICS)
        bodies.set(`/direct/${route}/${index}`, { type: contentType(formats.read), body: page })
        const mapped = read(case_, formats.read)
        const body = mapped && written(mapped, formats.written)
        if (body !== undefined)
          bodies.set(`/record/${route}/${index}`, { type: contentType(formats.written), body })
      }
    pages = createServer((request, response) => {
      const page = bodies.get(request.url!)
      if (!page) response.statusCode = 503
      else response.setHeader('content-type', page.type)
      response.end(page?.body)
    })
    pages.listen(0, '127.0.0.1')
    await once(pages, 'listening')
    const target = `127.0.0.1:${(pages.address() as AddressInfo).port}`
    prometheus = await startPrometheus({
      config: {
        global: { scrape_interval: '10s', scrape_timeout: '10s' },
        scrape_configs: Object.keys(ROUTES).flatMap(route =>
          ['direct', 'record'].map(source => ({
            job_name: `${source} ${route}`,
            honor_labels: true,
            honor_timestamps: false,
            static_configs: CASES_AND_PAGES.map((_, index) => ({
              targets: [target],
              labels: { case: String(index), __metrics_path__: `/${source}/${route}/${index}` },
            })),
          })),
        ),
      },
    })
  })

  afterAll(async () => {
    await prometheus?.stop()
    pages?.close()
    pages?.closeAllConnections()
  })

  /** The stored samples by case. A page whose scrape failed has none. */
  async function storedOf(job: string): Promise<Map<number, Set<string>>> {
    await eventually(async () => {
      const targets = (await prometheus.targets()).filter(({ scrapePool }) => scrapePool === job)
      const unanswered = ({ health, lastError }: (typeof targets)[number]) =>
        health === 'unknown' || /deadline exceeded|connection re/.test(lastError)
      expect(targets.filter(unanswered)).toEqual([])
      expect(targets).toHaveLength(CASES_AND_PAGES.length)
    }, 60_000)
    const stored = new Map<number, Set<string>>(
      CASES_AND_PAGES.map((_, index) => [index, new Set()]),
    )
    for (const { metric, value } of await prometheus.query(`{case!="",job="${job}"}`)) {
      const { case: index, job: _, instance, ...labels } = metric
      if (labels.__name__ === 'up' || labels.__name__.startsWith('scrape_')) continue
      stored.get(Number(index))!.add(JSON.stringify([Object.entries(labels).sort(), value[1]]))
    }
    return stored
  }

  test.each(Object.keys(ROUTES))(
    '%s: a real Prometheus stores the same samples, except for the documented differences',
    async route => {
      const [direct, record] = [
        await storedOf(`direct ${route}`),
        await storedOf(`record ${route}`),
      ]
      const differing = CASES_AND_PAGES.flatMap((case_, index) => {
        const mapped = read(case_, ROUTES[route].read)
        const [a, b] = [direct.get(index)!, record.get(index)!]
        const lost = [...a].filter(sample => !b.has(sample))
        const more = [...b].filter(sample => !a.has(sample))
        if (!mapped || (lost.length === 0 && more.length === 0)) return []
        return [
          {
            page: case_.text,
            lost,
            more,
            dropped: Object.fromEntries(mapped.mapping.droppedSeries),
          },
        ]
      })
      const documented = Object.values(DIFFERENT).flat()
      expect(differing.filter(({ page }) => !documented.includes(page))).toEqual([])
      if (route === 'text')
        expect(differing.map(({ page }) => page).sort()).toEqual([...documented].sort())
      expect([...record.values()].filter(samples => samples.size > 0).length).toBeGreaterThan(100)
    },
  )
})
