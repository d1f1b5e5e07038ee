import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FamilyIndex } from '../../../exposer/core/store/family-index.js'
import { runNow } from '../../../shared/base/steps.js'
import type { Format } from '../../../shared/exposition/format.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'
import { parseExposition } from '../../support/strict-exposition.js'

const FORMATS: readonly Format[] = [
  { name: 'text-0.0.4', escaping: 'underscores' },
  { name: 'text-1.0.0', escaping: 'allow-utf-8' },
  { name: 'openmetrics-1.0.0', escaping: 'underscores' },
  { name: 'openmetrics-1.0.0', escaping: 'allow-utf-8' },
]
const [TEXT, , OPENMETRICS] = FORMATS

const conflictsOf = (families: FamilyIndex) => {
  runNow(families.updateSteps())
  return families.conflicts
}
const gauge = (name: string) => `# TYPE ${name} gauge\n${name} 1\n`
const counter = (name: string) => `# TYPE ${name}_total counter\n${name}_total 1\n`
const histogram = (name: string) =>
  `# TYPE ${name} histogram\n${name}_bucket{le="+Inf"} 1\n${name}_sum 1\n${name}_count 1\n`
const summary = (name: string) =>
  `# TYPE ${name} summary\n${name}{quantile="0.5"} 1\n${name}_sum 1\n${name}_count 1\n`
const quoted = (name: string) => `# TYPE "${name}" gauge\n{"${name}"} 1\n`

/** A shard with one application per exposition, in order. */
function shardOf(...expositions: string[]) {
  const shard = new FakeShard(undefined, { playoutDelayMs: 0 })
  const apps = expositions.map((_, i) => new FakeApp({ labels: { job: `${i}` } }))
  const publish = (i: number, exposition: string) =>
    shard.publish(apps[i]!, { exposition, collectedAt: shard.wall })
  for (const [i, exposition] of expositions.entries()) publish(i, exposition)
  return { shard, apps, publish }
}

/** The jobs whose families are exposed, each sample once. */
const jobsIn = (text: string) =>
  [...new Set([...text.matchAll(/^(?!#).*\bjob="(\d+)"/gm)].map(([, job]) => job))].sort()

describe('families of two applications', () => {
  test.each<[string, string, string, Format, string[]]>([
    ['a gauge and a counter, in text', gauge('hits'), counter('hits'), TEXT!, ['0', '1']],
    ['a gauge and a counter, in OpenMetrics', gauge('hits'), counter('hits'), OPENMETRICS!, ['0']],
    ['a gauge with the name of a counter', counter('hits'), gauge('hits_total'), TEXT!, ['0']],
    ['the same in OpenMetrics', counter('hits'), gauge('hits_total'), OPENMETRICS!, ['0']],
    ['a gauge like the count of a histogram', histogram('x'), gauge('x_count'), TEXT!, ['0']],
    [
      'a summary like the sum of a histogram',
      histogram('x'),
      summary('x_sum'),
      OPENMETRICS!,
      ['0'],
    ],
    ['a histogram after a gauge like its sum', gauge('x_sum'), histogram('x'), TEXT!, ['0']],
    ['names that are equal when escaped', quoted('a.b'), gauge('a_b'), TEXT!, ['0']],
    ['the same, not escaped', quoted('a.b'), gauge('a_b'), FORMATS[1]!, ['0', '1']],
    ['equal names and types', histogram('x'), histogram('x'), OPENMETRICS!, ['0', '1']],
  ])('%s', (_, first, second, format, exposed) => {
    const { shard } = shardOf(first, second)
    const text = shard.appMetrics('latest', format)
    parseExposition(text)
    expect(jobsIn(text)).toEqual(exposed)
  })

  test('the second one is exposed when the first one is removed, and counted until then', () => {
    const { shard, publish } = shardOf(gauge('hits'), counter('hits'), summary('hits'))
    const { families } = shard.shard.store
    expect(conflictsOf(families)).toBe(2)
    for (let i = 0; i < 3; i++) {
      shard.pass(1000)
      publish(0, gauge('other'))
    }
    expect(jobsIn(shard.appMetrics('latest', OPENMETRICS!))).toEqual(['0', '1'])
    expect(conflictsOf(families)).toBe(1)
  })
})

test('a family of an application with the name of our own series is not exposed', () => {
  const { shard, apps } = shardOf(
    `${gauge('exposer_target_snapshot_age_seconds')}${gauge('other')}`,
    gauge('scrape_duration_seconds'),
  )
  for (const format of FORMATS) {
    const text = shard.target(apps[0]!, format)
    parseExposition(text)
    expect(text.match(/^exposer_target_snapshot_age_seconds /gm)).toHaveLength(1)
    expect(text).toContain('\nother 1\n')
    parseExposition(shard.metrics('latest', format))
  }
})

test('one application with two names that are equal when escaped: the first, in escaped formats only', () => {
  const { shard, apps } = shardOf(`${quoted('a.b')}${gauge('a_b')}`)
  for (const format of FORMATS) {
    const text = shard.target(apps[0]!, format)
    parseExposition(text)
    expect(text.match(/^# TYPE "?a.b/gm)).toHaveLength(format.escaping === 'underscores' ? 1 : 2)
    parseExposition(shard.metrics('latest', format))
  }
})

test('whatever applications publish and stop to publish, every exposition is valid, and nothing stays omitted', () => {
  const kind = fc.constantFrom(gauge, counter, histogram, summary)
  const family = fc
    .tuple(kind, fc.constantFrom('x', 'x_sum', 'x_count', 'x_total', 'up', 'y'))
    .filter(([make, name]) => !(make === counter && name === 'x_total'))
    .map(([make, name]) => make(name))
  const step = fc.record({ app: fc.nat(3), exposition: family })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), steps => {
      const { shard, publish } = shardOf(gauge('a'), gauge('b'), gauge('c'), gauge('d'))
      for (const { app, exposition } of steps) {
        shard.pass(500)
        publish(app, exposition)
        for (const format of FORMATS) parseExposition(shard.metrics('latest', format))
      }
      // Two snapshots of a target are held: after two of another name the first family is gone.
      for (let i = 0; i < 3; i++) {
        shard.pass(500)
        for (const app of [0, 1, 2, 3]) publish(app, gauge('z'))
      }
      expect(conflictsOf(shard.shard.store.families)).toBe(0)
      expect([...shard.shard.store.families.all()]).toHaveLength(1)
      for (const format of FORMATS)
        expect(jobsIn(shard.appMetrics('latest', format))).toEqual(['0', '1', '2', '3'])
    }),
    { numRuns: 60 },
  )
})
