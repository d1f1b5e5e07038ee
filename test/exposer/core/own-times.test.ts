import { describe, expect, test } from 'vitest'
import { prepareTarget, renderTarget } from '../../../exposer/core/render/target.js'
import { runNow } from '../../../shared/base/steps.js'
import { type Format, TEXT } from '../../../shared/exposition/format.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard } from '../../support/shard.js'

const OPENMETRICS: Format = { name: 'openmetrics-1.0.0', escaping: 'underscores' }

const two = (a: number, b: number) => `# TYPE t gauge\nt{i="a"} ${a}\nt{i="b"} ${b}\n`

function setting(options = {}) {
  const shard = new FakeShard(1_700_000_000_000, options)
  const app = new FakeApp({ labels: { job: 'j' }, intervalMs: 1000 })
  const start = shard.wall
  /** Each sample as `series value@seconds since the start`. */
  const samples = (text: string) =>
    [...text.matchAll(/^t\{i="(\w)"[^}]*\} (\d+)(?: (\S+))?$/gm)].map(
      ([, i, value, at]) => `${i}${value}@${at === undefined ? '' : (Number(at) - start) / 1000}`,
    )
  const publish = (a: number, b: number, own?: [number, number]) => {
    shard.pass(1000)
    shard.publish(app, {
      exposition: two(a, b),
      collectedAt: shard.wall,
      timestamps: own?.map(seconds => start + seconds * 1000),
    })
  }
  return {
    shard,
    app,
    publish,
    samples,
    dropped: () => Object.fromEntries(shard.shard.history.dropped),
  }
}

describe('samples with timestamps of their own', () => {
  test('have them where the view shows timestamps, and nowhere else', () => {
    const { shard, app, publish, samples } = setting({ playoutDelayMs: 0 })
    publish(1, 2, [-60, 0.5])
    expect(samples(shard.metrics('timestamped'))).toEqual(['a1@-60', 'b2@0.5'])
    expect(samples(shard.metrics('latest'))).toEqual(['a1@', 'b2@'])
    expect(samples(shard.target(app))).toEqual(['a1@', 'b2@'])
    const played = shard.shard.played(shard.shard.find(app.latin1Key)!, shard.now)!
    const rendered = (format: Format) => {
      const ready = runNow(prepareTarget(played, format))
      const chunks = renderTarget(played, ready, format, shard.now, { timestamps: 'collection' })
      return Buffer.concat([...chunks]).toString()
    }
    expect(samples(rendered(TEXT))).toEqual(['a1@-60', 'b2@0.5'])
    expect(rendered(OPENMETRICS)).toContain('t{i="b"} 2 1700000000.5\n')
  })

  test('in the view all: a repeated one is exposed once, the others ascend', () => {
    const { shard, publish, samples, dropped } = setting()
    publish(1, 1, [0, 1])
    shard.all('p')
    publish(1, 2, [0, 2])
    publish(1, 3, [0, 3])
    publish(1, 4)
    expect(samples(shard.all('p'))).toEqual(['a1@0', 'b2@2', 'b3@3', 'a1@4', 'b4@4'])
    expect(dropped()).toEqual({})
  })

  test('in the view all: one that goes back, or has another value at the same time, is counted', () => {
    const { shard, publish, samples, dropped } = setting()
    publish(1, 1)
    shard.all('p')
    publish(1, 1, [5, 5])
    publish(2, 2, [5, 4])
    expect(samples(shard.all('p'))).toEqual(['a1@5', 'b1@5'])
    expect(dropped()).toEqual({ not_ascending: 2 })
  })

  test('in the view all: one that is too old is omitted and counted, and does not fail the scrape', () => {
    const { shard, publish, samples, dropped } = setting({ historyMaxAgeMs: 60_000 })
    publish(1, 1)
    shard.all('p')
    publish(1, 2, [-3600, 2])
    expect(samples(shard.all('p'))).toEqual(['b2@2'])
    expect(dropped()).toEqual({ too_old: 1 })
    const report = shard.metrics('timestamped')
    expect(samples(report)).toEqual(['a1@-3600', 'b2@2'])
  })

  test('in the view all: they ascend also when the layout changes in between', () => {
    const { shard, app, publish, samples, dropped } = setting()
    publish(1, 1, [0, 0])
    shard.all('p')
    publish(1, 2, [1, 9])
    shard.pass(1000)
    shard.publish(app, {
      exposition: '# TYPE t gauge\nt{i="b"} 3\nt{i="c"} 3\n',
      collectedAt: shard.wall,
    })
    expect(samples(shard.all('p'))).toEqual(['a1@1', 'b2@9', 'c3@3'])
    expect(dropped()).toEqual({ not_ascending: 1 })
  })
})
