import { afterEach, expect, inject, test } from 'vitest'
import { Mirrors } from '../../gateway/mirrors/mirrors.js'
import { KafkaWriteLog } from '../../gateway/server/kafka-write-log.js'
import { eventually } from '../support/eventually.js'
import { startGateway } from '../support/gateway.js'
import { name, newTopic, silent } from '../support/kafka.js'
import { LocalPushStore } from '../support/local-push-store.js'
import { partOrSkip } from '../support/or-skip.js'
import { JOBS, SenderUnderTest } from '../support/senders/senders.js'
import { startShard } from '../support/shards.js'
import { newWriteTopic, readWriteTopic } from '../support/write-topic.js'

const PARTITIONS = 4
const prometheus = await partOrSkip('prometheus')
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const NO_REFUSALS = { memory: 0, label: 0, time: 0, key: 0, record: 0 }

test.skipIf(!prometheus)(
  'two gateways whose clocks are an hour ahead and behind write and mirror what an agent sends, as it is',
  async () => {
    const kafka = { brokers: inject('brokers') }
    const [writes, snapshots] = [await newWriteTopic(PARTITIONS), await newTopic(PARTITIONS)]
    const group = name('mirrors')
    const start = async (hours: number) => {
      const clock = {
        now: () => ({ wall: Date.now() + hours * 3_600_000, mono: performance.now() }),
      }
      const log = new KafkaWriteLog({ kafka, topic: writes, clock, logger: silent })
      const gateway = await startGateway(
        { writeTargetLabels: ['job', 'instance', 'prometheus'] },
        new LocalPushStore(),
        {},
        log,
      )
      const mirrors = new Mirrors({
        ...{ kafka, writes, snapshots, group, clock, logger: silent },
        lookbackMs: 60_000,
        assemblyMs: 5_000,
        intervalMs: 15_000,
        maxBytes: 1e8,
        memory: () => 1e8,
        sessionTimeout: 6_000,
      })
      await mirrors.start()
      let stopped: Promise<void> | undefined
      const stop = () => (stopped ??= mirrors.stop())
      stops.push(stop, () => gateway.stop())
      return { mirrors, url: gateway.url, stop }
    }
    const [ahead, behind] = [await start(1), await start(-1)]
    await eventually(() => {
      expect(ahead.mirrors.partitions).toBe(PARTITIONS / 2)
      expect(behind.mirrors.partitions).toBe(PARTITIONS / 2)
    })
    const written = await readWriteTopic(writes)
    stops.push(() => written.stop())
    const shard = await startShard(
      { topic: snapshots, group: name('exposers') },
      { playoutDelay: 0 },
    )
    stops.push(() => shard.stop())
    const gateways = [ahead.url, behind.url]
    const sender = await SenderUnderTest.start({
      ...{ kind: 'agent', shards: 2, interval: '1s', gateways },
    })
    stops.push(() => sender.stop())

    /** The number of the scrape that a target shows; 0 if it is down. */
    const shown = async (job: (typeof JOBS)[number]) => {
      const labels = { job, prometheus: sender.name, instance: sender.apps[job].address }
      const response = await fetch(`${shard.url}/target?${new URLSearchParams(labels)}`)
      const text = await response.text()
      if (response.status !== 200) return 0
      return Number(/^scrape(?:s|_number\{i="0"\}) (\d+)$/m.exec(text)?.[1] ?? 0)
    }
    const advance = async () => {
      for (const job of JOBS) {
        const before = await shown(job)
        await eventually(async () => expect(await shown(job)).toBeGreaterThan(before + 1), 60_000)
      }
    }
    await advance()
    await ahead.stop()
    await eventually(() => expect(behind.mirrors.partitions).toBe(PARTITIONS))
    await advance()

    const until = Date.now()
    const sent = () =>
      sender.capture.written
        .lines()
        .filter(line => Number(line.slice(line.lastIndexOf(' ') + 1)) <= until)
    await eventually(() => {
      expect(sent().length).toBeGreaterThan(100)
      const found = new Set(written.written.lines())
      expect(sent().filter(line => !found.has(line))).toEqual([])
    }, 60_000)
    for (const { mirrors } of [ahead, behind])
      expect(mirrors.figures).toMatchObject({ refused: NO_REFUSALS, back: 0, ends: 0 })
    const telemetry = await (await fetch(`${shard.url}/telemetry`)).text()
    expect(telemetry).not.toMatch(/^exposer_records_rejected_total\{/m)
  },
  180_000,
)
