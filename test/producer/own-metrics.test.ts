import { readFileSync } from 'node:fs'
import { AggregatorRegistry, Counter, Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { DEFINITIONS, PublisherStats, registerStats } from '../../producer/own-metrics.js'
import { parseExposition } from '../support/strict-exposition.js'
import { collect, readBack, sampleOf } from './sampled.js'

const statsWith = (values: Partial<PublisherStats>) => Object.assign(new PublisherStats(), values)
const published = async (register: Registry) =>
  readBack(await sampleOf((await collect(register)).readings))

const NAMES = [
  'publisher_snapshots_total',
  'publisher_snapshots_superseded_total',
  'publisher_send_errors_total',
  'publisher_collect_errors_total',
  'publisher_source_errors_total',
  'publisher_metrics_dropped',
  'publisher_send_duration_seconds',
  'publisher_last_ack_timestamp_seconds',
  'publisher_buffered_bytes',
]

const page = readFileSync(new URL('../../docs/publisher.md', import.meta.url), 'utf8')

test('docs/publisher.md lists all metrics with their types and all options', () => {
  const rows = DEFINITIONS.map(({ name, type }) => `| \`${name}\` | ${type} |`)
  expect(rows.filter(row => !page.includes(row))).toEqual([])
  const options = readFileSync(new URL('../../producer/options.ts', import.meta.url), 'utf8')
  const [, body] = /export interface PublisherOptions \{(.*?)\n\}/s.exec(options)!
  const names = [...body.matchAll(/^ {2}readonly (\w+)/gm)].map(([, name]) => name)
  expect(names.length).toBeGreaterThan(8)
  expect(names.filter(name => !page.includes(`\n| \`${name}\` |`))).toEqual([])
})

describe('the publisher’s own metrics', () => {
  test('are in the application’s registry, so that a direct scrape exposes them', async () => {
    const register = new Registry()
    const stats = statsWith({ snapshots: 7, superseded: 2, bufferedBytes: 100 })
    stats.sendDurations.observe(0.02)
    stats.sendDurations.observe(20)
    registerStats(register, 'shop/a', stats)
    const families = parseExposition(await register.metrics())
    expect(families.map(({ name }) => name)).toEqual(NAMES)
    const values = await published(register)
    expect(values.get('publisher_snapshots_total{}')).toBe(7)
    expect(values.get('publisher_snapshots_superseded_total{}')).toBe(2)
    expect(values.get('publisher_buffered_bytes{}')).toBe(100)
    expect(values.get('publisher_send_duration_seconds_bucket{le="0.01"}')).toBe(0)
    expect(values.get('publisher_send_duration_seconds_bucket{le="0.025"}')).toBe(1)
    expect(values.get('publisher_send_duration_seconds_bucket{le="10"}')).toBe(1)
    expect(values.get('publisher_send_duration_seconds_bucket{le="+Inf"}')).toBe(2)
    expect(values.get('publisher_send_duration_seconds_sum{}')).toBeCloseTo(20.02)
  })

  test('are not reset by resetMetrics of the registry', async () => {
    const register = new Registry()
    registerStats(register, 'shop/a', statsWith({ snapshots: 7 }))
    register.resetMetrics()
    expect((await published(register)).get('publisher_snapshots_total{}')).toBe(7)
  })

  test('have a label while two publishers share a registry', async () => {
    const register = new Registry()
    registerStats(register, 'shop/a', statsWith({ snapshots: 1 }))
    const second = registerStats(register, 'shop/b', statsWith({ snapshots: 2 }))
    const both = await published(register)
    expect(both.get('publisher_snapshots_total{publisher="shop/a"}')).toBe(1)
    expect(both.get('publisher_snapshots_total{publisher="shop/b"}')).toBe(2)
    second.unregister()
    expect((await published(register)).get('publisher_snapshots_total{}')).toBe(1)
  })

  test('of two publishers of one target are separate, and unregistered separately', async () => {
    const register = new Registry()
    const first = registerStats(register, 'shop/a', statsWith({ snapshots: 1 }))
    registerStats(register, 'shop/a', statsWith({ snapshots: 2 }))
    const both = await published(register)
    expect(both.get('publisher_snapshots_total{publisher="shop/a"}')).toBe(1)
    expect(both.get('publisher_snapshots_total{publisher="shop/a (2)"}')).toBe(2)
    first.unregister()
    expect((await published(register)).get('publisher_snapshots_total{}')).toBe(2)
  })

  test('are published without the registry after the application has cleared it', async () => {
    const register = new Registry()
    const { unregisteredMetrics } = registerStats(register, 'shop/a', statsWith({ snapshots: 7 }))
    expect(await unregisteredMetrics()).toEqual([])
    register.clear()
    const metrics = await unregisteredMetrics()
    expect(metrics.map(({ name }) => name)).toEqual(NAMES)
    expect(metrics[0].values).toEqual([{ labels: {}, value: 7 }])
  })

  test('are registered again by the next publisher after the registry was cleared', async () => {
    const register = new Registry()
    const first = registerStats(register, 'shop/a', statsWith({ snapshots: 1 }))
    register.clear()
    registerStats(register, 'shop/a', statsWith({ snapshots: 2 }))
    first.unregister()
    expect((await published(register)).get('publisher_snapshots_total{}')).toBe(2)
  })

  test('are published without the registry if the application has a metric of one of their names', async () => {
    const register = new Registry()
    new Counter({ name: 'publisher_snapshots_total', help: 'books', registers: [register] }).inc(3)
    const { unregisteredMetrics, unregister } = registerStats(
      register,
      'shop/a',
      statsWith({ snapshots: 7, sendErrors: 4 }),
    )
    expect(register.getMetricsAsArray()).toHaveLength(1)
    const { readings } = await collect(register)
    const values = readBack(await sampleOf([...readings, { metrics: await unregisteredMetrics() }]))
    expect(values.get('publisher_snapshots_total{}')).toBe(3)
    expect(values.get('publisher_send_errors_total{}')).toBe(4)
    unregister()
  })

  test('of a source that is a function are published in addition to its metrics', async () => {
    const { unregisteredMetrics } = registerStats(() => [], 'shop/a', statsWith({ snapshots: 7 }))
    expect((await unregisteredMetrics()).map(({ name }) => name)).toEqual(NAMES)
  })

  test('are registered in the first of several registries', () => {
    const registers = [new Registry(), new Registry()]
    registerStats([() => [], ...registers], 'shop/a', new PublisherStats())
    expect(registers.map(register => register.getMetricsAsArray().length)).toEqual([
      NAMES.length,
      0,
    ])
  })

  test('of several workers are summed by prom-client; of the last acknowledgement it takes the maximum', async () => {
    const workers = await Promise.all(
      [10, 20].map(async lastAck => {
        const register = new Registry()
        registerStats(register, 'shop', statsWith({ snapshots: 5, lastAck }))
        return JSON.parse(JSON.stringify(await register.getMetricsAsJSON()))
      }),
    )
    const values = await published(AggregatorRegistry.aggregate(workers))
    expect(values.get('publisher_snapshots_total{}')).toBe(10)
    expect(values.get('publisher_last_ack_timestamp_seconds{}')).toBe(20)
  })

  test('keep their names in an OpenMetrics registry, before and after a scrape', async () => {
    const register = new Registry()
    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
    registerStats(register, 'shop/a', statsWith({ snapshots: 7 }))
    expect((await published(register)).get('publisher_snapshots_total{}')).toBe(7)
    expect(await register.metrics()).toContain('publisher_snapshots_total 7')
    expect((await published(register)).get('publisher_snapshots_total{}')).toBe(7)
  })
})
