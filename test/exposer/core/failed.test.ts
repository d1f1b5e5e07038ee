import { describe, expect, test } from 'vitest'
import { bookWritten } from '../../../exposer/core/booking.js'
import { sdGroups } from '../../../exposer/core/discovery.js'
import { FakeApp } from '../../support/records.js'
import { expectReferences } from '../../support/references.js'
import { FakeShard } from '../../support/shard.js'

const why = 'the database does not answer'
const x = (value: number) => `# HELP x X.\n# TYPE x gauge\nx ${value}\n`

const setting = (options: ConstructorParameters<typeof FakeShard>[1] = {}) => {
  const shard = new FakeShard(undefined, options)
  const app = new FakeApp({ intervalMs: 1000 })
  let value = 0
  const publish = () => {
    shard.pass(1000)
    shard.publish(app, { exposition: x(++value), collectedAt: shard.wall })
  }
  const fail = () => {
    shard.pass(1000)
    shard.fail(app, why)
  }
  const target = () => shard.shard.find(app.latin1Key)!
  const verdict = () => shard.shard.judge(target(), shard.now)
  const up = (text = shard.metrics()) => /^up\{.*\} (\d)$/m.exec(text)?.[1]
  return { shard, app, publish, fail, target, verdict, up }
}

describe('a failed collection', () => {
  test('makes its target fail at once with its reason, whatever the playout delay, without samples', () => {
    const { shard, app, publish, fail, verdict, up } = setting({ playoutDelayMs: 5000 })
    for (let i = 0; i < 8; i++) publish()
    expect(verdict().state).toBe('up')
    fail()
    expect(verdict()).toEqual({ state: 'failed', reason: why })
    expect(shard.target(app)).toBe('')
    expect(shard.appMetrics()).toBe('')
    expect(up()).toBe('0')
  })

  test('ends with the next snapshot, which is exposed at once, and never with an earlier one', () => {
    const { shard, app, publish, fail, verdict, up } = setting({ playoutDelayMs: 5000 })
    publish()
    publish()
    fail()
    fail()
    publish()
    expect(verdict().state).toBe('up')
    expect(shard.target(app)).toContain('x 3\n')
    expect(up()).toBe('1')
    expect(shard.refusals).toEqual([])
  })

  test('makes no series of the next snapshot new, as a failed scrape does in Prometheus', () => {
    const { shard, publish, fail } = setting()
    const added = () => /^scrape_series_added\{.*\} (\d+)$/m.exec(shard.metrics())![1]
    publish()
    expect(added()).toBe('1')
    fail()
    expect(added()).toBe('0')
    publish()
    expect(added()).toBe('0')
  })

  test('lists its target from the first record on, also in service discovery', () => {
    const { shard, fail, target } = setting()
    fail()
    const status = shard.shard.describe(target(), shard.now)
    expect(status).toMatchObject({
      state: 'failed',
      reason: why,
      series: 0,
      intervalMs: 1000,
      sequence: 0,
    })
    expect(sdGroups([status], { externalUrl: 'http://exposer:9754' })).toHaveLength(1)
  })

  test('has the same effect in a replay', () => {
    const { shard, app, verdict } = setting()
    shard.shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [0], lost: [] }, shard.now)
    shard.shard.replay(0, 0, 2, shard.now)
    shard.publish(app, { exposition: x(1), collectedAt: shard.wall - 1000 })
    shard.fail(app, why)
    shard.shard.fetched(0, 2, 2, shard.now)
    expect(verdict()).toEqual({ state: 'failed', reason: why })
    expect(shard.shard.ledger.published).toBe(0)
    expectReferences(shard.shard, true)
  })

  test('is followed by staleness after a window, and by the removal of its target, as a snapshot is', () => {
    const { shard, app, fail, verdict } = setting({ forgetMs: 60_000 })
    fail()
    shard.pass(2000)
    expect(verdict().state).toBe('failed')
    shard.pass(1500)
    expect(verdict()).toMatchObject({ state: 'stale', reason: expect.stringContaining(why) })
    shard.pass(60_000)
    shard.shard.sweep(shard.now)
    expect(shard.state(app)).toBe('unknown')
  })

  test('is refused when it is delivered again or belongs to an earlier incarnation', () => {
    const { shard, app, publish, verdict } = setting()
    publish()
    const again = app.failure(why, { collectedAt: shard.wall + 1, sequence: 0 })
    const earlier = app.failure(why, { collectedAt: shard.wall, sequence: 5 })
    const older = new FakeApp({ incarnation: 999 }).failure(why, { collectedAt: shard.wall + 1 })
    for (const record of [again, earlier, older]) shard.shard.apply(0, record, shard.now)
    expect(shard.refusals).toEqual(['order', 'order', 'incarnation'])
    expect(verdict().state).toBe('up')
  })

  test('releases the parts of an incomplete snapshot before it', () => {
    const { shard, fail, target } = setting()
    const app = new FakeApp({ intervalMs: 1000, partBytes: 100 })
    const many = Array.from({ length: 4 }, (_, i) => x(1).replaceAll('x', `x${i}`)).join('')
    const records = app.records({ exposition: many, collectedAt: shard.wall, sequence: 0 })
    for (const record of records.slice(1)) shard.shard.apply(0, record, shard.now)
    const { incoming } = target()
    expect(incoming!.size).toBeGreaterThan(0)
    shard.pass(1000)
    shard.shard.apply(0, app.failure(why, { collectedAt: shard.wall }), shard.now)
    expect(incoming!.size).toBe(0)
    fail()
    expectReferences(shard.shard, true)
  })

  test('before a refused snapshot is part of the reason, except of a limit', () => {
    const { shard, app, fail, verdict } = setting({
      limits: {
        samples: 1,
        labels: 64,
        nameBytes: 1024,
        valueBytes: 4096,
        bytes: 1 << 20,
        parts: 8,
      },
    })
    fail()
    shard.pass(1000)
    shard.publish(app, { exposition: x(1) + x(1).replaceAll('x', 'y'), collectedAt: shard.wall })
    expect(verdict().state).toBe('over_limit')
    fail()
    expect(verdict()).toEqual({ state: 'failed', reason: why })
  })

  test('in the view all comes after the unseen snapshots', () => {
    const { shard, publish, fail, up } = setting()
    publish()
    shard.all('p')
    publish()
    publish()
    fail()
    const text = shard.all('p')
    expect([...text.matchAll(/^x\{.*\} (\d) \d+$/gm)].map(match => match[1])).toEqual(['2', '3'])
    expect(up(text)).toBe('0')
    expect(shard.all('p')).not.toMatch(/^x\{/m)
    publish()
    expect(up(shard.all('p'))).toBe('1')
    expect(Object.fromEntries(shard.shard.history.dropped)).toEqual({})
  })
})

describe('the ledger counts a failed collection like a snapshot', () => {
  test('as pending, and as written when it was reported to a scraper by the target or the massive view', () => {
    const { shard, publish, fail, target } = setting()
    const entry = () => shard.shard.ledger.entry()
    publish()
    fail()
    expect(entry()).toMatchObject({ published: 2, pending: 1, dropped: { unscraped: 1 } })
    bookWritten(target().newest!)
    bookWritten(target().newest!)
    expect(entry()).toMatchObject({ published: 2, pending: 0, written: 1 })
    fail()
    shard.metrics()
    shard.metrics()
    expect(entry()).toMatchObject({ published: 3, pending: 0, written: 2 })
  })

  test('as unscraped when the next arrives before a scrape; as missed when it does not arrive', () => {
    const { shard, app, publish, fail } = setting()
    const entry = () => shard.shard.ledger.entry()
    fail()
    publish()
    expect(entry()).toMatchObject({ published: 2, pending: 1, dropped: { unscraped: 1 } })
    app.failure(why, { collectedAt: shard.wall + 1 })
    publish()
    expect(entry()).toMatchObject({
      published: 4,
      missed: 1,
      dropped: { unscraped: 1 },
      pending: 2,
    })
  })
})
