import { afterEach, expect, test } from 'vitest'
import {
  ScrapedGroup,
  type ScrapedGroupOptions,
  type ScrapeReport,
} from '../support/scraped-group.js'

let group: ScrapedGroup | undefined
afterEach(async () => {
  await group?.stop()
  group = undefined
})

async function start(options: ScrapedGroupOptions): Promise<ScrapedGroup> {
  group = await ScrapedGroup.start(options)
  await group.settled()
  return group
}

/** Prints the figures, and returns the failed scrapes of targets of other shards than `faulty`. */
function othersFailed(what: string, report: ScrapeReport, faulty?: number): number {
  console.log(`${what}: ${JSON.stringify(report)}`)
  return Object.entries(report.failed)
    .filter(([shard]) => Number(shard) !== faulty)
    .reduce((sum, [, failed]) => sum + failed, 0)
}

test('a crash and restart of one shard never fails a scrape of another', async () => {
  const group = await start({ shards: 2 })
  group.begin()
  await group.end(0, 'SIGKILL')
  await group.startShard(0)
  await group.settled()
  const report = group.report()
  expect(othersFailed('kill and restart', report, 0), report.reasons.join()).toBe(0)
})

test('a crash without a restart never fails a scrape of another shard', async () => {
  const group = await start({ shards: 3, settings: { sessionTimeout: 10_000 } })
  group.begin()
  await group.end(0, 'SIGKILL')
  await group.settled(12)
  const report = group.report()
  expect(othersFailed('kill', report, 0), report.reasons.join()).toBe(0)
})

test('a crash and a start at another address never fails a scrape of another shard', async () => {
  const group = await start({ shards: 3, maxShards: 4, settings: { sessionTimeout: 10_000 } })
  group.begin()
  await group.end(0, 'SIGKILL')
  await group.startShard(3)
  await group.settled()
  const report = group.report()
  expect(othersFailed('kill and start elsewhere', report, 0), report.reasons.join()).toBe(0)
})

test('a rolling restart of all shards never fails a scrape', async () => {
  const group = await start({ shards: 3 })
  group.begin()
  for (const index of [0, 1, 2]) {
    expect(await group.end(index, 'SIGTERM')).toBe(0)
    await group.startShard(index)
    await group.ready()
  }
  await group.settled()
  const report = group.report()
  expect(othersFailed('rolling restart', report), report.reasons.join()).toBe(0)
})

test('scaling from two shards to four and to one never fails a scrape', async () => {
  const group = await start({ shards: 2, maxShards: 4 })
  group.begin()
  for (const index of [2, 3]) await group.startShard(index)
  await group.settled()
  for (const index of [0, 2, 1]) expect(await group.end(index, 'SIGTERM')).toBe(0)
  await group.settled()
  const report = group.report()
  expect(othersFailed('scale 2, 4, 1', report), report.reasons.join()).toBe(0)
})
