import { describe, expect, test } from 'vitest'
import { type Format, TEXT } from '../../../shared/exposition/format.js'
import { FakeApp } from '../../support/records.js'
import { FakeShard, massive as scrapeMassive } from '../../support/shard.js'

const openMetrics: Format = { name: 'openmetrics-1.0.0', escaping: 'allow-utf-8' }
const gauges = (...names: string[]) =>
  names.map(name => `# HELP ${name} G.\n# TYPE ${name} gauge\n${name} 1\n`).join('')
const labels = '{instance="a",job="shop"}'

describe('what the massive view reports of each target', () => {
  const setting = () => {
    const shard = new FakeShard()
    const app = new FakeApp({ intervalMs: 1000 })
    const publish = (...names: string[]) => {
      shard.pass(1000)
      shard.publish(app, { exposition: gauges(...names), collectedAt: shard.wall })
    }
    const reported = (text = shard.metrics()) =>
      Object.fromEntries(
        [...text.matchAll(/^(up|scrape_\w+)\{instance="a",job="shop"\} (\S+)$/gm)].map(
          ([, name, value]) => [name, Number(value)],
        ),
      )
    return { shard, app, publish, reported }
  }

  test('is what Prometheus would: up, the duration of the collection, its samples, and series that are new', () => {
    const { publish, reported } = setting()
    publish('x', 'y')
    expect(reported()).toEqual({
      up: 1,
      scrape_duration_seconds: 0.001,
      scrape_samples_scraped: 2,
      scrape_samples_post_metric_relabeling: 2,
      scrape_series_added: 2,
    })
    publish('x', 'y')
    expect(reported()).toMatchObject({ scrape_samples_scraped: 2, scrape_series_added: 0 })
    publish('y', 'z')
    expect(reported()).toMatchObject({ scrape_samples_scraped: 2, scrape_series_added: 1 })
    publish('y')
    expect(reported()).toMatchObject({ scrape_samples_scraped: 1, scrape_series_added: 0 })
  })

  test('is up 0 without samples for a stale target, and nothing for an ended one', () => {
    const { shard, app, publish, reported } = setting()
    publish('x')
    expect(reported()).toMatchObject({ up: 1, scrape_series_added: 1 })
    shard.pass(3500)
    expect(reported()).toEqual({
      up: 0,
      scrape_duration_seconds: 0,
      scrape_samples_scraped: 0,
      scrape_samples_post_metric_relabeling: 0,
      scrape_series_added: 0,
    })
    publish('x')
    // As in Prometheus, whose cache of a target outlives scrapes that failed.
    expect(reported()).toMatchObject({ up: 1, scrape_series_added: 0 })
    shard.publish(app, { exposition: gauges('x'), collectedAt: shard.wall + 1, end: true })
    shard.pass(5000)
    expect(shard.metrics()).toBe('')
  })

  test('is never timestamped, and comes before the end of an OpenMetrics exposition', () => {
    const { shard, publish } = setting()
    publish('x')
    expect(shard.metrics('timestamped')).toContain(`\nup${labels} 1\n`)
    expect(shard.all('p')).toContain(`\nup${labels} 1\n`)
    expect(shard.metrics('latest', openMetrics)).toMatch(/\nscrape_series_added\{.*\} \d\n# EOF\n$/)
  })

  test('in the view all counts the new series of all exposed snapshots, none of a repeated one, and all at the first scrape', () => {
    const { shard, publish, reported } = setting()
    publish('a', 'b')
    publish('a', 'b')
    expect(reported(shard.all('p'))).toMatchObject({ scrape_series_added: 2 })
    publish('a', 'b', 'c')
    publish('a', 'b')
    publish('a', 'b', 'c', 'd')
    expect(reported(shard.all('p'))).toMatchObject({
      scrape_samples_scraped: 4,
      scrape_series_added: 3,
    })
    expect(reported(shard.all('p'))).toMatchObject({
      scrape_samples_scraped: 4,
      scrape_series_added: 0,
    })
  })

  test('counts new series per scraper, and those of a target that moved here only for a new scraper', () => {
    const { shard, app, publish, reported } = setting()
    const massive = (scraper: string) =>
      reported(
        scrapeMassive(shard.shard, { view: 'latest', format: TEXT, now: shard.now, scraper }),
      )
    publish('x', 'y')
    expect(massive('p')).toMatchObject({ scrape_series_added: 2 })
    publish('x', 'y', 'z')
    expect(massive('q')).toMatchObject({ scrape_series_added: 3 })
    expect(massive('p')).toMatchObject({ scrape_series_added: 1 })
    shard.shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [], lost: [0] }, shard.now)
    shard.shard.assign({ epoch: 3, partitionCount: 1, kept: [], fresh: [0], lost: [] }, shard.now)
    shard.shard.replay(0, 100, 101, shard.now)
    const [record] = app.records({ exposition: gauges('x'), collectedAt: shard.wall + 1 })
    shard.shard.apply(0, { ...record, offset: 100 }, shard.now)
    shard.shard.fetched(0, 101, 101, shard.now)
    expect(massive('p')).toMatchObject({ up: 1, scrape_series_added: 0 })
    expect(massive('new')).toMatchObject({ up: 1, scrape_series_added: 1 })
  })

  test("an application's family with a reserved name is omitted, and counted as a conflict", () => {
    const { shard, publish } = setting()
    publish('up', 'x')
    expect(shard.metrics().match(/^up/gm)).toHaveLength(1)
    expect(shard.metrics().match(/^# TYPE up /gm)).toHaveLength(1)
    expect(shard.shard.store.families.conflicts).toBe(1)
    publish('x')
    publish('x')
    publish('x')
    shard.shard.sweep(shard.now)
    expect(shard.shard.store.families.conflicts).toBe(0)
  })

  test('the snapshots that it shows are written in the ledger, when all of the scrape reached the scraper', () => {
    const { shard, publish } = setting()
    publish('x')
    expect(shard.shard.ledger.entry()).toMatchObject({ published: 1, pending: 1 })
    shard.metrics()
    expect(shard.shard.ledger.entry()).toMatchObject({ published: 1, written: 1, pending: 0 })
  })
})
