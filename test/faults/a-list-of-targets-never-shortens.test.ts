import { afterEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { name, newTopic } from '../support/kafka.js'
import type { FakeApp } from '../support/records.js'
import { Fleet, ShardChild, type ShardSettings } from '../support/shards.js'

const PARTITIONS = 6
/** So short that all targets that publish once are older than every replay. */
const WINDOW_S = 2
const TARGETS = 30
const LISTS = ['/sd', '/api/v1/targets', '/api/v1/ledger'] as const
/** Five times per second. */
const PERIOD_MS = 200

const children: ShardChild[] = []
let fleet: Fleet | undefined
let dead: Fleet | undefined
let poller: Poller | undefined
afterEach(async () => {
  await poller?.stop()
  await fleet?.stop()
  await dead?.stop()
  for (const child of children.splice(0)) await child.end()
  poller = fleet = dead = undefined
})

/** Requests all lists of all shards five times per second, and records those that are short. */
class Poller {
  readonly short: string[] = []
  /** Answers with all targets since the last call of `mark`, by URL of the list. */
  readonly whole = new Map<string, number>()
  unavailable = 0
  readonly #urls = new Set<string>()
  readonly #requests = new Set<Promise<void>>()
  readonly #timer = setInterval(() => this.#poll(), PERIOD_MS)

  constructor(private readonly expected: ReadonlySet<string>) {}

  add({ url }: ShardChild): void {
    this.#urls.add(url)
  }

  /** Waits until each of these shards answers each list with all targets. */
  async wholeAt(...shards: readonly ShardChild[]): Promise<void> {
    this.whole.clear()
    await eventually(() => {
      for (const { url } of shards)
        for (const list of LISTS) expect([url + list, this.whole.has(url + list)]).toContain(true)
    }, 60_000)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#requests)
  }

  #poll(): void {
    for (const url of this.#urls) {
      for (const list of LISTS) {
        const request = this.#ask(url + list).finally(() => this.#requests.delete(request))
        this.#requests.add(request)
      }
    }
  }

  async #ask(url: string): Promise<void> {
    const headers = { 'x-prometheus-scrape-timeout-seconds': '2' }
    const answer = await fetch(url, { headers }).then(
      async response => ({ status: response.status, text: await response.text() }),
      () => undefined,
    )
    if (answer?.status !== 200) {
      this.unavailable++
      return
    }
    const listed = instancesIn(JSON.parse(answer.text))
    const missing = [...this.expected].filter(instance => !listed.has(instance))
    if (missing.length === 0) this.whole.set(url, (this.whole.get(url) ?? 0) + 1)
    else this.short.push(`${url}: ${listed.size} of ${this.expected.size}`)
  }
}

const instanceOf = (app: FakeApp) => app.labels.find(({ name }) => name === 'instance')!.value

interface Labelled {
  labels: { instance: string }
}

function instancesIn(body: Labelled[] | { data: { targets: Labelled[] } }): Set<string> {
  const targets = Array.isArray(body) ? body : body.data.targets
  const instances = targets.map(target => target.labels.instance)
  expect(new Set(instances).size).toBe(instances.length)
  return new Set(instances)
}

async function startChild(settings: ShardSettings): Promise<ShardChild> {
  const child = await ShardChild.start(settings)
  children.push(child)
  poller!.add(child)
  return child
}

function restarted(child: ShardChild, settings: ShardSettings): ShardChild {
  children.splice(children.indexOf(child), 1)
  const again = child.restart(settings)
  children.push(again)
  return again
}

test('no list of any shard is shorter than the group through joins, leaves, restarts and kills', async () => {
  const settings = {
    topic: await newTopic(PARTITIONS),
    group: name('group'),
    flags: [`--replay.window=${WINDOW_S}s`],
  }
  dead = new Fleet(settings.topic, TARGETS, 'dead')
  fleet = new Fleet(settings.topic, TARGETS)
  await dead.publish()
  await fleet.publish()
  poller = new Poller(new Set([...dead.apps, ...fleet.apps].map(instanceOf)))
  let a = await startChild(settings)
  await poller.wholeAt(a)
  fleet.run()

  let b = await startChild(settings)
  await poller.wholeAt(a, b)
  for (let i = 0; i < 2; i++) {
    await a.end('SIGTERM')
    a = restarted(a, settings)
    await poller.wholeAt(a, b)
    await b.end('SIGTERM')
    b = restarted(b, settings)
    await poller.wholeAt(a, b)
  }
  await b.end('SIGKILL')
  b = restarted(b, settings)
  await poller.wholeAt(a, b)

  const c = await startChild(settings)
  await poller.wholeAt(a, b, c)
  await a.end('SIGKILL')
  await poller.wholeAt(b, c)
  await c.end('SIGTERM')
  await poller.wholeAt(b)

  expect(poller.short).toEqual([])
  expect(poller.unavailable).toBeGreaterThan(0)
})
