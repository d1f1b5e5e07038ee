import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { LoadBalancer } from '../../dev/local/load-balancer.js'
import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import type { Exposer } from '../../exposer/server/exposer.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { partOrSkip } from '../support/or-skip.js'
import { startShard } from '../support/shards.js'
import { SteadyApp } from '../support/steady-app.js'

const folder = fileURLToPath(new URL('../../deploy/prometheus/', import.meta.url))
const INSTANCES = ['a', 'b', 'c', 'd']
/** Also the timeout of scrapes and of discovery: a failure of discovery is an alert for minutes. */
const INTERVAL_MS = 3000

interface Rule {
  readonly name: string
  readonly health: string
  readonly lastError?: string
  readonly state: 'inactive' | 'pending' | 'firing'
  readonly alerts: readonly { readonly labels: Readonly<Record<string, string>> }[]
}

interface Config {
  readonly scrape_configs: readonly object[]
}

let balancer: LoadBalancer
let settings: { topic: string; group: string }
const shards: Exposer[] = []
const apps: SteadyApp[] = []
const running: LocalPrometheus[] = []

/** Starts a Prometheus with a configuration of deploy/prometheus. */
async function load(file: string): Promise<LocalPrometheus> {
  const prometheus = await startPrometheus({ config: {} })
  running.push(prometheus)
  await prometheus.reload(configOf(file, prometheus))
  return prometheus
}

/** The configuration with the addresses of this test, and with short intervals. */
function configOf(file: string, prometheus: LocalPrometheus): string {
  const [one, two, ...more] = shards.map(({ url }) => new URL(url).host)
  expect(more).toEqual([])
  const replaced = [
    ['http://exposer.example:9754', balancer.url],
    ['shard-1:9754', one],
    ['shard-2:9754', two],
    ['localhost:9090', new URL(prometheus.url).host],
    ['[alerts.yml]', `[${folder}alerts.yml]`],
    [/: 1[05]s$/gm, `: ${INTERVAL_MS / 1000}s`],
  ] as const
  const config = replaced.reduce(
    (text, [from, to]) => text.replaceAll(from, to),
    readFileSync(folder + file, 'utf8'),
  )
  expect(config).not.toMatch(/^[^#]*(example|shard-\d|15s)/m)
  return config
}

const rules = async (prometheus: LocalPrometheus): Promise<Rule[]> => {
  const answer = (await (await fetch(`${prometheus.url}/api/v1/rules`)).json()) as {
    data: { groups: { rules: Rule[] }[] }
  }
  return answer.data.groups.flatMap(group => group.rules)
}

/** Waits until all alerts have been evaluated without an error and are inactive. */
const allQuiet = (prometheus: LocalPrometheus) =>
  eventually(async () => {
    const known = await rules(prometheus)
    expect(known.length).toBeGreaterThan(10)
    expect(known.filter(({ health }) => health !== 'ok')).toEqual([])
    expect(known.filter(({ state }) => state !== 'inactive').map(rule => rule.name)).toEqual([])
  })

/**
 * Waits until an alert with these labels is pending or firing. alerts.test.yml tests its `for`. On
 * a busy machine there may be others, of what is late.
 */
const becomesPending = (
  prometheus: LocalPrometheus,
  alert: string,
  labels: Readonly<Record<string, string>> = {},
) =>
  eventually(async () => {
    const rule = (await rules(prometheus)).find(one => one.name === alert)
    expect(rule?.state, alert).toMatch(/pending|firing/)
    expect(rule!.alerts.map(one => one.labels)).toContainEqual(expect.objectContaining(labels))
  })

/** Labels of the result without the metric name, sorted by instance. */
const labelsOf = async (prometheus: LocalPrometheus, promql: string) =>
  (await prometheus.query(promql))
    .map(({ metric: { __name__, ...labels } }) => labels)
    .sort((a, b) => a.instance.localeCompare(b.instance))

const targets = INSTANCES.map(instance => ({ instance, job: 'shop' }))
const ofShards = (job: string) =>
  shards
    .map(({ url }) => ({ instance: new URL(url).host, job }))
    .sort((a, b) => a.instance.localeCompare(b.instance))

beforeAll(async () => {
  settings = { topic: await newTopic(6), group: name('configs') }
  balancer = await LoadBalancer.start()
  const shard = () => startShard(settings, { externalUrl: balancer.url, playoutDelay: 'auto' })
  shards.push(await shard(), await shard())
  balancer.setBackends(shards.map(({ url }) => url))
  for (const { instance, job } of targets) {
    const options = { labels: { job, instance }, intervalMs: INTERVAL_MS }
    apps.push(new SteadyApp(newSender(settings.topic), options).start())
  }
})

afterAll(async () => {
  await Promise.all(apps.map(app => app.stop()))
  await Promise.all(running.map(prometheus => prometheus.stop()))
  await Promise.all(shards.map(shard => shard.stop()))
  await balancer?.stop()
})

const prometheusPath = await partOrSkip('prometheus')
describe.skipIf(prometheusPath === null)('the configurations of deploy/prometheus', () => {
  let virtual: LocalPrometheus
  let massive: LocalPrometheus

  test('virtual-targets.yml: every app is a target that is up, with its own job and instance', async () => {
    virtual = await load('virtual-targets.yml')
    await eventually(async () => {
      expect(await labelsOf(virtual, 'up{job="shop"} == 1')).toEqual(targets)
      expect(await labelsOf(virtual, 'rate(steady_total[10s]) > 0')).toEqual(targets)
      expect(await labelsOf(virtual, 'up{job="kafka-exposer"} == 1')).toEqual(
        ofShards('kafka-exposer'),
      )
      expect(await labelsOf(virtual, 'up{job="prometheus"} == 1')).toHaveLength(1)
    })
    expect(await virtual.query('count by (job) (up)')).toHaveLength(3)
  })

  test('massive.yml: the same series with the same labels, and all shards are up', async () => {
    massive = await load('massive.yml')
    await eventually(async () => {
      expect(await labelsOf(massive, 'rate(steady_total[10s]) > 0')).toEqual(targets)
      expect(await labelsOf(massive, 'up{job="kafka-massive"} == 1')).toEqual(
        ofShards('kafka-massive'),
      )
      expect(await labelsOf(massive, 'up{job="kafka-exposer"} == 1')).toEqual(
        ofShards('kafka-exposer'),
      )
    })
    expect(await massive.query('{exported_job!=""}')).toEqual([])
  })

  test('all.yml: every shard is scraped in the view all under the name of this Prometheus', async () => {
    const all = await load('all.yml')
    const scraped = await eventually(async () => {
      const found = (await all.targets()).filter(({ scrapePool }) => scrapePool === 'kafka-all')
      expect(found).toHaveLength(shards.length)
      return found.map(({ scrapeUrl }) => scrapeUrl)
    })
    const urls = shards.map(({ url }) => `${url}/metrics?scraper=prometheus-1&view=all`)
    expect(scraped.sort()).toEqual(urls.sort())
  })

  test('in a healthy system all alerts are evaluated and inactive', async () => {
    await allQuiet(virtual)
    await allQuiet(massive)
  })

  test('virtual and massive targets in one Prometheus: counters reset, and an alert is active until one is removed', async () => {
    // With jitter, the newest snapshot mostly differs from the one that the playout delay
    // selects.
    const labels = { job: 'jittery', instance: 'e' }
    const delay = () => Math.random() * 3000
    const jittery = new SteadyApp(newSender(settings.topic), { labels, delay }).start()
    apps.push(jittery)
    const both = await load('massive.yml')
    const { scrape_configs, ...rest } = parse(configOf('massive.yml', both)) as Config
    const [virtualTargets] = (parse(configOf('virtual-targets.yml', both)) as Config).scrape_configs
    await both.reload({ ...rest, scrape_configs: [...scrape_configs, virtualTargets] })
    const { host } = new URL(both.url)
    await becomesPending(both, 'KafkaExposerScrapedTwice', { instance: host })
    const hasResets = `resets(steady_total{${jittery.selector}}[1m]) > 0`
    await eventually(async () => expect(await both.query(hasResets)).toHaveLength(1), 60_000)
    for (const alone of [virtual, massive]) expect(await alone.query(hasResets)).toEqual([])

    await both.reload(configOf('massive.yml', both))
    await eventually(async () => {
      const rule = (await rules(both)).find(({ name }) => name === 'KafkaExposerScrapedTwice')
      expect(rule?.state).toBe('inactive')
    })
    await jittery.end()
  })

  test('an app that dies: an alert names it with virtual and with massive targets', async () => {
    apps[0].die()
    await becomesPending(virtual, 'KafkaTargetDown', targets[0])
    await becomesPending(massive, 'KafkaTargetDown', targets[0])
  })

  test('failing service discovery: Prometheus keeps its targets, and an alert is active', async () => {
    balancer.setBackends([])
    await becomesPending(virtual, 'KafkaExposerDiscoveryFailing')
    balancer.setBackends(shards.map(({ url }) => url))
    await eventually(async () =>
      expect(await labelsOf(virtual, 'up{job="shop"} == 1')).toEqual(targets.slice(1)),
    )
  })

  test('a shard that stops: an alert names it, all partitions are served, and no other app is down', async () => {
    const [leaving] = ofShards('kafka-exposer').filter(({ instance }) =>
      shards[1].url.endsWith(instance),
    )
    await shards[1].stop()
    await becomesPending(virtual, 'KafkaExposerShardDown', leaving)
    await becomesPending(massive, 'KafkaExposerScrapeFailing')
    await eventually(async () => {
      expect(await labelsOf(virtual, 'up{job="shop"} == 1')).toEqual(targets.slice(1))
      expect(await labelsOf(massive, 'rate(steady_total[10s]) > 0')).toEqual(targets.slice(1))
      const unserved = (await rules(virtual)).find(
        one => one.name === 'KafkaExposerPartitionUnserved',
      )
      expect(unserved?.state).toBe('inactive')
    })
  })
})
