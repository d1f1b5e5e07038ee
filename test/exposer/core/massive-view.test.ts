import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'
import { parseExposition } from '../../support/strict-exposition.js'

const gauge = (name: string, value: number, labels = '') =>
  `# HELP ${name} Help.\n# TYPE ${name} gauge\n${name}${labels} ${value}\n`

describe('the massive view', () => {
  test('has one group per family over all targets, with their labels', () => {
    const shard = new FakeShard()
    const a = new FakeApp({ labels: { job: 'shop', instance: 'a' } })
    const b = new FakeApp({ labels: { job: 'shop', instance: 'b' } })
    shard.publish(a, {
      exposition: gauge('x', 1, '{z="1"}') + gauge('y', 2),
      collectedAt: shard.wall,
    })
    shard.publish(b, { exposition: gauge('y', 3) + gauge('x', 4), collectedAt: shard.wall })
    expect(shard.appMetrics()).toBe(
      [
        '# HELP x Help.',
        '# TYPE x gauge',
        'x{z="1",instance="a",job="shop"} 1',
        'x{instance="b",job="shop"} 4',
        '# HELP y Help.',
        '# TYPE y gauge',
        'y{instance="a",job="shop"} 2',
        'y{instance="b",job="shop"} 3',
        '',
      ].join('\n'),
    )
  })

  test('is undelayed, and timestamped by the collection when asked', () => {
    const shard = new FakeShard()
    const app = new FakeApp()
    const collectedAt = shard.wall - 250
    shard.publish(app, { exposition: gauge('x', 1), collectedAt, appendedAt: shard.wall })
    expect(shard.metrics('timestamped')).toContain(`x{instance="a",job="shop"} 1 ${collectedAt}\n`)
    expect(
      shard.metrics('timestamped', { name: 'openmetrics-1.0.0', escaping: 'underscores' }),
    ).toContain(`x{instance="a",job="shop"} 1 ${collectedAt / 1000}\n`)
  })

  test("a series label that the target's own labels take becomes exported_, as often as needed", () => {
    const shard = new FakeShard()
    const app = new FakeApp({ labels: { job: 'shop', zone: 'eu' } })
    const labels = '{exported_job="y",job="x",zone="us"}'
    shard.publish(app, { exposition: gauge('x', 1, labels), collectedAt: shard.wall })
    expect(shard.metrics()).toContain(
      'x{exported_job="y",exported_exported_job="x",exported_zone="us",job="shop",zone="eu"} 1\n',
    )
    expect(shard.target(app)).toContain(`x${labels} 1\n`) // there Prometheus does it
  })

  test('of families with different types the first is exposed until it is removed, and the others are counted', () => {
    const shard = new FakeShard()
    const first = new FakeApp({ labels: { job: 'a' } })
    const second = new FakeApp({ labels: { job: 'b' } })
    shard.publish(first, { exposition: gauge('x_total', 1), collectedAt: shard.wall })
    const counter = '# HELP x_total H.\n# TYPE x_total counter\nx_total 2\n'
    shard.publish(second, { exposition: counter, collectedAt: shard.wall })
    expect(shard.appMetrics()).not.toContain('job="b"')
    expect(shard.shard.store.families.conflicts).toBe(1)
    shard.pass(1000)
    shard.publish(first, { exposition: gauge('other', 1), collectedAt: shard.wall })
    shard.pass(2000)
    shard.publish(first, { exposition: gauge('other', 1), collectedAt: shard.wall })
    shard.publish(second, { exposition: counter, collectedAt: shard.wall })
    expect(shard.metrics()).toContain('# TYPE x_total counter\nx_total{job="b"} 2\n')
    expect(shard.shard.store.families.conflicts).toBe(0)
  })

  test('a target that is stale, or has ended, is not in it', () => {
    const shard = new FakeShard()
    const app = new FakeApp()
    shard.publish(app, { exposition: gauge('x', 1), collectedAt: shard.wall })
    expect(shard.metrics()).toContain('x{')
    shard.pass(2.5 * 15_000 + 1000)
    expect(shard.appMetrics()).toBe('')
  })

  test('exposes any published series with the same value, and no series twice', () => {
    const name = fc.constantFrom('a', 'b', 'c_total', 'd')
    const labels = fc.dictionary(
      fc.constantFrom('job', 'instance', 'x', 'exported_job'),
      fc.string({ unit: 'grapheme', maxLength: 6 }).map(s => s.replaceAll('\0', '')),
      { maxKeys: 3 },
    )
    const value = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.constantFrom(-0, Number.NaN, Infinity, -Infinity, 1e21, 1e-9),
    )
    const app = fc.uniqueArray(fc.record({ name, labels, value }), {
      selector: s =>
        `${s.name}${JSON.stringify(
          Object.entries(s.labels)
            .filter(([, v]) => v)
            .sort(),
        )}`,
      maxLength: 8,
    })
    fc.assert(
      fc.property(fc.array(app, { minLength: 1, maxLength: 3 }), apps => {
        const shard = new FakeShard()
        let published = 0
        for (const [i, samples] of apps.entries()) {
          shard.publish(new FakeApp({ labels: { job: 'shop', instance: `i${i}` } }), {
            exposition: exposition(samples),
            collectedAt: shard.wall,
          })
          published += samples.length
        }
        expect(shard.refusals).toEqual([])
        const parsed = parseExposition(shard.appMetrics()).flatMap(family => family.samples)
        expect(parsed).toHaveLength(published)
        const values = (list: number[]) => list.map(n => (Object.is(n, -0) ? '-0' : `${n}`)).sort()
        expect(values(parsed.map(s => s.value))).toEqual(values(apps.flat().map(s => s.value)))
      }),
    )
  })
})

function exposition(
  samples: readonly { name: string; labels: Record<string, string>; value: number }[],
): string {
  const byName = new Map<string, string[]>()
  for (const { name, labels, value } of samples) {
    const text = Object.entries(labels)
      .map(([k, v]) => `${k}="${v.replace(/[\\"\n]/g, c => (c === '\n' ? '\\n' : `\\${c}`))}"`)
      .join(',')
    const number = Number.isFinite(value)
      ? Object.is(value, -0)
        ? '-0'
        : `${value}`
      : value > 0
        ? '+Inf'
        : value < 0
          ? '-Inf'
          : 'NaN'
    const line = `${name}${text ? `{${text}}` : ''} ${number}\n`
    byName.set(name, [...(byName.get(name) ?? []), line])
  }
  return [...byName]
    .map(
      ([name, lines]) =>
        `# HELP ${name} H.\n# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}\n${lines.join('')}`,
    )
    .join('')
}
