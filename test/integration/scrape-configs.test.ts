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

let front: LoadBalancer
let settings: { topic: string; group: string }
const shards: Exposer[] = []
const apps: SteadyApp[] = []
const running: LocalPrometheus[] = []

/** A Prometheus with a configuration of deploy/prometheus. */
async function load(file: string): Promise<LocalPrometheus> {
  const prometheus = await startPrometheus({ config: {} })
  running.push(prometheus)
  await prometheus.reload(configOf(file, prometheus))
  return prometheus
}

/** As it is, but for addresses, and intervals for which nobody can wait. */
function configOf(file: string, prometheus: LocalPrometheus): string {
  const [one, two, ...more] = shards.map(({ url }) => new URL(url).host)
  expect(more).toEqual([])
  const replaced = [
    ['http://exposer.example:9754', front.url],
    ['shard-1:9754', one],
    ['shard-2:9754', two],
    ['localhost:9090', new URL(prometheus.url).host],
    ['[alerts.yml]', `[${folder}alerts.yml]`],
    [/: 1[05]s$/gm, ': 1s'],
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

/** Every alert was evaluated without an error, and none has a reason to fire. */
const allQuiet = (prometheus: LocalPrometheus) =>
  eventually(async () => {
    const known = await rules(prometheus)
    expect(known.length).toBeGreaterThan(10)
    expect(known.filter(({ health }) => health !== 'ok')).toEqual([])
    expect(known.filter(({ state }) => state !== 'inactive').map(rule => rule.name)).toEqual([])
  })

/** The alert has noticed: what is left to its firing is time, which alerts.test.yml lets pass. */
const notices = (prometheus: LocalPrometheus, alert: string) =>
  eventually(async () => {
    const rule = (await rules(prometheus)).find(one => one.name === alert)
    expect(rule?.state, alert).toMatch(/pending|firing/)
    return rule!.alerts.map(({ labels }) => labels)
  })

/** Labels of the result, without the name, sorted by instance. */
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
  front = await LoadBalancer.start()
  const shard = () => startShard(settings, { externalUrl: front.url, playoutDelay: 'auto' })
  shards.push(await shard(), await shard())
  front.setBackends(shards.map(({ url }) => url))
  for (const { instance, job } of targets) {
    apps.push(new SteadyApp(newSender(settings.topic), { labels: { job, instance } }).start())
  }
}, 120_000)

afterAll(async () => {
  await Promise.all(apps.map(app => app.stop()))
  await Promise.all(running.map(prometheus => prometheus.stop()))
  await Promise.all(shards.map(shard => shard.stop()))
  await front?.stop()
})

const prometheusPath = await partOrSkip('prometheus')
describe.skipIf(prometheusPath === null)(
  'the configurations of deploy/prometheus',
  { timeout: 120_000 },
  () => {
    let virtual: LocalPrometheus
    let massive: LocalPrometheus

    test('virtual-targets.yml: every app is a target that is up, with its own job and instance', async () => {
      virtual = await load('virtual-targets.yml')
      await eventually(async () => {
        expect(await labelsOf(virtual, 'up{job="shop"} == 1')).toEqual(targets)
        expect(await labelsOf(virtual, 'rate(steady_total[10s]) > 0')).toEqual(targets)
        expect(await labelsOf(virtual, 'up{job="kafka-exposer"} == 1')).toEqual(ofShards('kafka-exposer'))
        expect(await labelsOf(virtual, 'up{job="prometheus"} == 1')).toHaveLength(1)
      })
      expect(await virtual.query('count by (job) (up)')).toHaveLength(3)
    })

    test('massive.yml: the same series under the same names, and shards that are up', async () => {
      massive = await load('massive.yml')
      await eventually(async () => {
        expect(await labelsOf(massive, 'rate(steady_total[10s]) > 0')).toEqual(targets)
        expect(await labelsOf(massive, 'up{job="kafka-massive"} == 1')).toEqual(ofShards('kafka-massive'))
        expect(await labelsOf(massive, 'up{job="kafka-exposer"} == 1')).toEqual(ofShards('kafka-exposer'))
      })
      expect(await massive.query('{exported_job!=""}')).toEqual([])
    })

    test('all.yml: every shard is asked for all samples since this Prometheus asked last', async () => {
      const all = await load('all.yml')
      const asked = await eventually(async () => {
        const found = (await all.targets()).filter(({ scrapePool }) => scrapePool === 'kafka-all')
        expect(found).toHaveLength(shards.length)
        return found.map(({ scrapeUrl }) => scrapeUrl)
      })
      const urls = shards.map(({ url }) => `${url}/metrics?scraper=prometheus-1&view=all`)
      expect(asked.sort()).toEqual(urls.sort())
    })

    test('as long as all is well every alert can be evaluated and none is about to fire', async () => {
      await allQuiet(virtual)
      await allQuiet(massive)
    })

    test('two ways into one Prometheus: counters go back that do not with one, and an alert says so until one is left', async () => {
      // Its newest snapshot is mostly not the one whose time has come: the ways show different moments.
      const labels = { job: 'jittery', instance: 'e' }
      const way = () => Math.random() * 3000
      const jittery = new SteadyApp(newSender(settings.topic), { labels, way }).start()
      apps.push(jittery)
      const both = await load('massive.yml')
      const { scrape_configs, ...rest } = parse(configOf('massive.yml', both)) as Config
      const [virtualTargets] = (parse(configOf('virtual-targets.yml', both)) as Config).scrape_configs
      await both.reload({ ...rest, scrape_configs: [...scrape_configs, virtualTargets] })
      const { host } = new URL(both.url)
      expect(await notices(both, 'KafkaExposerScrapedTwice')).toMatchObject([{ instance: host }])
      const goesBack = `resets(steady_total{${jittery.selector}}[1m]) > 0`
      await eventually(async () => expect(await both.query(goesBack)).toHaveLength(1), 60_000)
      for (const alone of [virtual, massive]) expect(await alone.query(goesBack)).toEqual([])

      await both.reload(configOf('massive.yml', both))
      await eventually(async () => {
        const rule = (await rules(both)).find(({ name }) => name === 'KafkaExposerScrapedTwice')
        expect(rule?.state).toBe('inactive')
      })
      await jittery.goodbye()
    })

    test('an app that dies: an alert names it, whichever way it is read', async () => {
      apps[0].die()
      expect(await notices(virtual, 'KafkaTargetDown')).toMatchObject([targets[0]])
      expect(await notices(massive, 'KafkaTargetDown')).toMatchObject([targets[0]])
    })

    test('a list that cannot be had: Prometheus keeps its targets, and the alert says so', async () => {
      front.setBackends([])
      await notices(virtual, 'KafkaExposerDiscoveryFailing')
      front.setBackends(shards.map(({ url }) => url))
      await eventually(async () =>
        expect(await labelsOf(virtual, 'up{job="shop"} == 1')).toEqual(targets.slice(1)),
      )
    })

    test('a shard that stops: the alert is about it, no partition is left, and no other app is down', async () => {
      const [leaving] = ofShards('kafka-exposer').filter(({ instance }) => shards[1].url.endsWith(instance))
      await shards[1].stop()
      expect(await notices(virtual, 'KafkaExposerShardDown')).toMatchObject([leaving])
      await notices(massive, 'KafkaExposerScrapeFailing')
      await eventually(async () => {
        expect(await labelsOf(virtual, 'up{job="shop"} == 1')).toEqual(targets.slice(1))
        expect(await labelsOf(massive, 'rate(steady_total[5s]) > 0')).toEqual(targets.slice(1))
        const unserved = (await rules(virtual)).find(one => one.name === 'KafkaExposerPartitionUnserved')
        expect(unserved?.state).toBe('inactive')
      })
    })
  },
)
