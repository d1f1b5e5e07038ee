import { describe, expect, test } from 'vitest'
import { prepareTarget, renderTarget } from '../../../exposer/core/render/target.js'
import { runNow } from '../../../shared/base/steps.js'
import { TEXT } from '../../../shared/exposition/format.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const counter = (value: number) =>
  `# HELP requests_total Requests.\n# TYPE requests_total counter\nrequests_total{code="200"} ${value}\n`

const withoutAge = (text: string) => text.replace(/# HELP exposer_target_snapshot_age[\s\S]*$/, '')

describe('a virtual target', () => {
  test('has the exposition of the app, and the age of the snapshot', () => {
    const app = new FakeApp()
    const shard = new FakeShard()
    const exposition = [
      '# HELP process_cpu_seconds_total CPU.',
      '# TYPE process_cpu_seconds_total counter',
      'process_cpu_seconds_total 12.25',
      '# HELP queue_depth Depth.',
      '# TYPE queue_depth gauge',
      'queue_depth{queue="a b\\"c\\\\d\\n"} -3',
      'queue_depth{queue=""} +Inf',
      '# HELP latency_seconds Latency.',
      '# TYPE latency_seconds histogram',
      'latency_seconds_bucket{le="0.1"} 2',
      'latency_seconds_bucket{le="+Inf"} 3',
      'latency_seconds_sum 1.5',
      'latency_seconds_count 3',
      '',
    ].join('\n')
    shard.publish(app, { exposition, collectedAt: shard.wall })
    shard.pass(2500)
    const shown = shard.target(app)
    expect(withoutAge(shown)).toBe(exposition)
    expect(shown).toContain('\nexposer_target_snapshot_age_seconds 2.5\n')
  })

  test('exposes the newest snapshot that was collected at least D ago', () => {
    const app = new FakeApp({ intervalMs: 1000 })
    const shard = new FakeShard(undefined, { playoutDelayMs: 1000 })
    shard.publish(app, { exposition: counter(1), collectedAt: shard.wall })
    expect(shard.target(app)).toContain('} 1\n') // nothing older to play
    shard.pass(1000)
    shard.publish(app, { exposition: counter(2), collectedAt: shard.wall })
    expect(shard.target(app)).toContain('} 1\n')
    shard.pass(999)
    expect(shard.target(app)).toContain('} 1\n')
    shard.pass(1)
    expect(shard.target(app)).toContain('} 2\n')
  })

  test('the memory of a snapshot in a slow response is not reused for the next ones', () => {
    const app = new FakeApp({ intervalMs: 1000 })
    const shard = new FakeShard()
    const big = (value: number) =>
      `# HELP big Big.\n# TYPE big gauge\n${Array.from({ length: 9000 }, (_, i) => `big{i="${i}"} ${value}\n`).join('')}`
    shard.publish(app, { exposition: big(1), collectedAt: shard.wall })
    const target = shard.shard.find(app.latin1Key)!
    const massive = shard.metrics.bind(shard)
    const played = shard.shard.played(target, shard.now)!
    shard.shard.store.acquire(played)
    const ready = runNow(prepareTarget(played, TEXT))
    const response = renderTarget(played, ready, TEXT, shard.now)
    let shown = response.next().value!.toString()
    for (let round = 2; round < 8; round++) {
      shard.pass(1000)
      shard.publish(app, { exposition: big(round), collectedAt: shard.wall })
    }
    for (const chunk of response) shown += chunk.toString()
    const values = new Set([...shown.matchAll(/^big\{.*\} (\d+)$/gm)].map(match => match[1]))
    expect(values).toEqual(new Set(['1']))
    expect(massive()).toContain('} 7\n')
    expect(target.snapshots.length).toBeLessThan(4)
  })

  test('a split snapshot is exposed when all of its parts have arrived, and never in part', () => {
    const app = new FakeApp({ partBytes: 1200 })
    const shard = new FakeShard()
    const families = (value: number) =>
      Array.from(
        { length: 40 },
        (_, f) => `# HELP f${f} A family.\n# TYPE f${f} gauge\nf${f}{a="b"} ${value}\n`,
      ).join('')
    const records = app.records({ exposition: families(1), collectedAt: shard.wall })
    expect(records.length).toBeGreaterThan(1)
    for (const record of records.slice(0, -1)) shard.shard.apply(0, record, shard.now)
    expect(shard.target(app)).toBe('')
    shard.shard.apply(0, records.at(-1)!, shard.now)
    expect(shard.target(app).match(/ 1\n/g)).toHaveLength(40)
    // One part of the next is lost: the one before stays, and the loss is counted.
    shard.pass(15_000)
    for (const record of app
      .records({ exposition: families(2), collectedAt: shard.wall })
      .slice(1)) {
      shard.shard.apply(0, record, shard.now)
    }
    expect(shard.target(app)).not.toContain(' 2\n')
    shard.pass(15_000)
    shard.publish(app, { exposition: families(3), collectedAt: shard.wall })
    shard.pass(1000)
    expect(shard.target(app).match(/ 3\n/g)).toHaveLength(40)
    expect(shard.shard.ledger.missed).toBe(1)
  })

  test('the parts of an incomplete snapshot are released when a later one arrives', () => {
    const app = new FakeApp({ partBytes: 200 })
    const shard = new FakeShard()
    const many = Array.from(
      { length: 40 },
      (_, f) => `# HELP f${f} A family.\n# TYPE f${f} gauge\nf${f} 1\n`,
    )
    const records = app.records({ exposition: many.join(''), collectedAt: shard.wall })
    expect(records.length).toBeGreaterThan(2)
    for (const record of records.slice(1)) shard.shard.apply(0, record, shard.now)
    const { incoming } = shard.shard.find(app.latin1Key)!
    expect(incoming?.size).toBe(records.length - 1)
    shard.pass(15_000)
    shard.publish(app, { exposition: counter(1), collectedAt: shard.wall })
    expect(incoming?.size).toBe(0)
  })

  test('OpenMetrics: counters lose _total in their TYPE, untyped ones become unknown, exemplars appear, EOF ends it', () => {
    const app = new FakeApp()
    const shard = new FakeShard()
    const exposition = `${counter(5)}# HELP odd Odd.\n# TYPE odd counter\nodd 1\n# HELP u U.\n# TYPE u untyped\nu 2\n`
    shard.publish(app, {
      exposition,
      collectedAt: shard.wall,
      exemplars: [
        { series: 0, labels: [{ name: 'trace_id', value: 'abc' }], value: 0.5, timestamp: 1500 },
      ],
    })
    const shown = shard.target(app, { name: 'openmetrics-1.0.0', escaping: 'underscores' })
    expect(shown).toContain(
      '# TYPE requests counter\nrequests_total{code="200"} 5 # {trace_id="abc"} 0.5 1.5\n',
    )
    expect(shown).toContain('# TYPE odd unknown\nodd 1\n')
    expect(shown).toContain('# TYPE u unknown\nu 2\n')
    expect(shown.endsWith('# EOF\n')).toBe(true)
  })

  test('names beyond the legacy alphabet are quoted where that is allowed, and escaped where not', () => {
    const app = new FakeApp({ labels: { job: 'shop', 'service.name': 'ü' } })
    const shard = new FakeShard()
    const exposition =
      '# HELP "http.requests" R.\n# TYPE "http.requests" gauge\n{"http.requests","the.code"="200"} 1\n'
    shard.publish(app, { exposition, collectedAt: shard.wall })
    const utf8 = { name: 'text-1.0.0', escaping: 'allow-utf-8' } as const
    expect(withoutAge(shard.target(app, utf8))).toBe(exposition)
    expect(withoutAge(shard.target(app))).toBe(
      '# HELP http_requests R.\n# TYPE http_requests gauge\nhttp_requests{the_code="200"} 1\n',
    )
    expect(shard.metrics('latest', utf8)).toContain(
      '{"http.requests","the.code"="200",job="shop","service.name"="ü"} 1\n',
    )
    expect(shard.metrics()).toContain(
      'http_requests{the_code="200",job="shop",service_name="ü"} 1\n',
    )
  })
})
