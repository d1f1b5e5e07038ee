import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import type { Exposer } from '../../exposer/server/exposer.js'
import { parseRemoteWriteFile } from '../../shared/remote-write/config.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { partOrSkip } from '../support/or-skip.js'
import { startShard } from '../support/shards.js'
import { SteadyApp } from '../support/steady-app.js'
import { newWriteTopic } from '../support/write-topic.js'
import { WrittenScrapes } from '../support/written-scrapes.js'

const INTERVAL_MS = 1000
const PROTOBUF = {
  '1.0': 'prometheus.WriteRequest',
  '2.0': 'io.prometheus.write.v2.Request',
} as const
const RULES = [
  { source_labels: ['job', 'cluster'], regex: 'kept;.*|written;', action: 'keep' },
  { source_labels: ['__name__', 'instance'], regex: 'up;silent', action: 'drop' },
  { source_labels: ['__name__'], regex: 'extra', action: 'drop' },
  { source_labels: ['job'], target_label: 'service' },
  { regex: 'job', action: 'labeldrop' },
]
const binary = await partOrSkip('prometheus')

describe.skipIf(binary === null).each(['1.0', '2.0'] as const)(
  'write_relabel_configs for a real Prometheus, protocol %s',
  protocol => {
    let prometheus: LocalPrometheus
    let shard: Exposer
    let topic: string
    let writes: string
    const stops: (() => Promise<unknown>)[] = []

    const app = (job: string, instance: string) => {
      const labels = { job, instance }
      const one = new SteadyApp(newSender(topic), { intervalMs: INTERVAL_MS, labels })
      one.extra = 2
      stops.push(() => one.stop())
      return one.start()
    }
    /** Label sets of the series that Prometheus has. */
    const series = async (selector: string): Promise<Record<string, string>[]> => {
      const url = `${prometheus.url}/api/v1/series?${new URLSearchParams({ 'match[]': selector })}`
      return ((await (await fetch(url)).json()) as { data: Record<string, string>[] }).data
    }
    const value = async (promql: string) => {
      const [sample] = await prometheus.query(promql)
      return sample && Number(sample.value[1])
    }
    const becomes = (promql: string, wanted: number | undefined) =>
      eventually(async () => expect(await value(promql), promql).toBe(wanted))
    const metric = async (name: string) => {
      const text = await (await fetch(`${shard.url}/telemetry`)).text()
      const line = text.split('\n').find(line => line.startsWith(`${name}{`))
      return Number(line?.split(' ').at(-1))
    }

    beforeAll(async () => {
      topic = await newTopic(3)
      writes = await newWriteTopic()
      prometheus = await startPrometheus({
        config: { global: { scrape_interval: '1m' } },
        flags: ['--web.enable-remote-write-receiver'],
      })
      const remote = {
        url: `${prometheus.url}/api/v1/write`,
        name: 'judge',
        protobuf_message: PROTOBUF[protocol],
        queue_config: { batch_send_deadline: '100ms' },
        write_relabel_configs: RULES,
      }
      const file = { global: { external_labels: { cluster: 'c1' } }, remote_write: [remote] }
      shard = await startShard(
        { topic, group: name('relabelled') },
        {
          remoteWrite: {
            ...parseRemoteWriteFile(JSON.stringify(file)),
            playout: false,
            writesTopic: writes,
            proxyEnvironment: {},
          },
        },
      )
      stops.push(
        () => prometheus.stop(),
        () => shard.stop(),
      )
      await eventually(async () => {
        const text = await (await fetch(`${shard.url}/telemetry`)).text()
        expect(text).toContain(
          `\nexposer_remote_write_partitions{remote="judge",topic="${writes}"} 4\n`,
        )
      })
    })
    afterAll(async () => {
      for (const stop of stops.splice(0).reverse()) await stop()
    })

    test('metrics, up and targets are dropped, and labels renamed, in snapshots', async () => {
      app('other', 'dropped')
      const silent = app('kept', 'silent')
      const whole = app('kept', 'whole')
      const of = 'service="kept",instance="whole",cluster="c1"'
      await becomes(`up{${of}}`, 1)
      await becomes(`count_over_time(scrape_samples_scraped{${of}}[1m]) >= bool 3`, 1)
      await becomes('count(steady_total{service="kept",instance="silent"})', 1)
      // What an application has collected does not change, only what is sent of it.
      expect(await value(`scrape_samples_scraped{${of}}`)).toBe(3)
      expect(await series('{instance="dropped"}')).toEqual([])
      expect(await series('extra')).toEqual([])
      expect(await series('up{instance="silent"}')).toEqual([])
      expect(await series('{job!="",instance=~"whole|silent"}')).toEqual([])
      expect(await metric('exposer_remote_write_relabel_dropped_total')).toBeGreaterThan(0)

      // Only what was sent becomes stale.
      whole.failure = 'no answer'
      await becomes(`up{${of}}`, 0)
      expect(await value(`steady_total{${of}}`)).toBeUndefined()
      await silent.end()
      await becomes('count({instance="silent"})', undefined)
      expect(await series('extra')).toEqual([])
      expect(await metric('exposer_remote_write_failed_total')).toBe(0)
    })

    test('the topic of writes is relabelled by the same rules, without external labels', async () => {
      const sender = newSender(writes)
      stops.push(() => sender.disconnect())
      const write = async (job: string, time: number) => {
        const labels = { job, instance: job === 'written' ? 'silent' : 'away' }
        await new WrittenScrapes(sender, labels).scrape(time, { extra: 1, temperature: 20 })
      }
      const time = Date.now()
      for (let i = 3; i >= 0; i--) {
        await write('other', time - i * 1000)
        await write('written', time - i * 1000)
      }
      const of = 'service="written",instance="silent"'
      await becomes(`count_over_time(temperature{${of}}[1m])`, 4)
      expect(await value(`count_over_time(scrape_duration_seconds{${of}}[1m])`)).toBe(4)
      expect(await series('{service="written",__name__=~"extra|up"}')).toEqual([])
      expect(await series('{service="written",cluster!=""}')).toEqual([])
      expect(await series('{instance="away"}')).toEqual([])
      expect(await metric('exposer_remote_write_failed_total')).toBe(0)
    })
  },
)
