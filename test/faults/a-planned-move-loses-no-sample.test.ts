import { afterEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { name, newTopic } from '../support/kafka.js'
import { Fleet, ShardChild, type ShardSettings } from '../support/shards.js'

const PARTITIONS = 6
const TARGETS = 20
const PERIOD_MS = 700

const children: ShardChild[] = []
let fleet: Fleet | undefined
let scraper: Scraper | undefined
afterEach(async () => {
  await scraper?.stop()
  await fleet?.stop()
  for (const child of children.splice(0)) await child.end()
  scraper = fleet = undefined
})

/** Scrapes the view `all` of all shards, as one Prometheus server. */
class Scraper {
  /** Values by instance. */
  readonly seen = new Map<string, Set<number>>()
  readonly shards = new Set<ShardChild>()
  scrapes = 0
  #stopped = false
  readonly #scraping = this.#run()

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#scraping
  }

  /** Waits until each of these shards has answered two more scrapes. */
  async scrapesOf(...shards: readonly ShardChild[]): Promise<void> {
    const before = new Map(this.#answers)
    await eventually(() => {
      for (const { url } of shards)
        expect(this.#answers.get(url) ?? 0).toBeGreaterThan((before.get(url) ?? 0) + 1)
    }, 60_000)
  }

  readonly #answers = new Map<string, number>()

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await Promise.all([...this.shards].map(shard => this.#scrape(shard)))
      await new Promise(resolve => setTimeout(resolve, PERIOD_MS))
    }
  }

  async #scrape({ url }: ShardChild): Promise<void> {
    const headers = { 'x-prometheus-scrape-timeout-seconds': '2' }
    const text = await fetch(`${url}/metrics?view=all&scraper=p`, { headers }).then(
      async response => (response.status === 200 ? response.text() : undefined),
      () => undefined,
    )
    if (text === undefined) return
    this.#answers.set(url, (this.#answers.get(url) ?? 0) + 1)
    this.scrapes++
    for (const line of text.split('\n')) {
      const match = /^published_total\{[^}]*instance="([^"]*)"[^}]*\} (\d+) /.exec(line)
      if (!match) continue
      const values = this.seen.get(match[1]!) ?? new Set()
      this.seen.set(match[1]!, values.add(Number(match[2])))
    }
  }
}

async function startChild(settings: ShardSettings): Promise<ShardChild> {
  const child = await ShardChild.start(settings)
  children.push(child)
  scraper!.shards.add(child)
  return child
}

async function leave(child: ShardChild): Promise<void> {
  await child.end('SIGTERM')
  children.splice(children.indexOf(child), 1)
  scraper!.shards.delete(child)
}

const metric = async ({ url }: ShardChild, pattern: RegExp) =>
  Number(pattern.exec(await (await fetch(`${url}/telemetry`)).text())?.[1] ?? 0)

test('the view all has every sample through joins, leaves and restarts of shards', async () => {
  const settings = { topic: await newTopic(PARTITIONS), group: name('group') }
  fleet = new Fleet(settings.topic, TARGETS)
  scraper = new Scraper()
  const a = await startChild(settings)
  await fleet.publish()
  await scraper.scrapesOf(a)
  fleet.run(200)

  const b = await startChild(settings)
  await scraper.scrapesOf(a, b)
  const c = await startChild(settings)
  await scraper.scrapesOf(a, b, c)
  await leave(a)
  await scraper.scrapesOf(b, c)
  const d = await startChild(settings)
  await scraper.scrapesOf(b, c, d)
  await leave(c)
  await leave(b)
  await scraper.scrapesOf(d)

  await fleet.stop()
  const { round } = fleet
  await eventually(() => {
    for (const values of scraper!.seen.values()) expect(values.has(round)).toBe(true)
  })
  const missing = [...scraper.seen].flatMap(([instance, values]) =>
    Array.from({ length: round }, (_, i) => i + 1)
      .filter(value => value > 1 && !values.has(value))
      .map(value => `${instance}: ${value} of ${round}`),
  )
  expect(scraper.seen.size).toBe(TARGETS)
  expect(missing).toEqual([])
  expect(await metric(d, /^exposer_handovers_total\{result="received"\} (\d+)$/m)).toBeGreaterThan(
    0,
  )
  expect(await metric(d, /^exposer_handovers_total\{result="failed"\} (\d+)$/m)).toBe(0)
  expect(await metric(d, /^exposer_scraper_positions_unknown_total (\d+)$/m)).toBe(0)
})
