import kafkajs from 'kafkajs'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { KafkaSink } from '../../../agent/targets/kafka-sink.js'
import { Targets } from '../../../agent/targets/targets.js'
import { systemClock } from '../../../shared/base/clock.js'
import { ExpositionSampler } from '../../../shared/publish/exposition-sampler.js'
import { targetKey } from '../../../shared/snapshot/key.js'
import { eventually } from '../../support/eventually.js'
import { name, newTopic, silent } from '../../support/kafka.js'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const labels = [
  { name: 'instance', value: 'i' },
  { name: 'job', value: 'a' },
]

async function sinkOf(brokers: string[], topic: string): Promise<KafkaSink> {
  const sink = new KafkaSink({ kafka: { brokers }, topic, clock: systemClock, logger: silent })
  await sink.start()
  cleanups.push(() => sink.stop())
  return sink
}

const series = Array.from({ length: 1000 }, (_, i) => ({
  suffix: '' as const,
  labels: [{ name: 'i', value: String(i) }],
}))
const sampler = new ExpositionSampler()
const sample = () =>
  sampler.sample({
    families: [{ name: 'g', type: 'gauge', help: '', unit: '', series }],
    values: new Float64Array(series.length),
    timestamps: null,
    exemplars: null,
    omitted: new Map(),
  })

describe('a Kafka sink', () => {
  test('holds one or two snapshots of a target while the brokers are away, and counts the others', async () => {
    const sink = await sinkOf(['127.0.0.1:1'], 'absent')
    const target = sink.open({ labels, key: targetKey(labels) })
    const run = { target: labels, incarnation: 1000, intervalMs: 1000 }
    const bytes: number[] = []
    for (let sequence = 0; sequence < 50; sequence++) {
      const collection = { sequence, collectedAt: 1000 + sequence, collectSeconds: 0 }
      target.offer({ run, collection, result: await sample(), end: false })
      bytes.push(sink.bytes)
    }
    const { offered, superseded, held } = target.counts
    expect(offered).toBe(50)
    expect(held).toBeLessThanOrEqual(2)
    expect(superseded + held).toBe(50)
    expect(Math.max(...bytes)).toBeLessThan(100_000)
    await eventually(() => {
      expect(sink.trouble()).toBeDefined()
      expect(sink.failures).toBeGreaterThan(0)
    })
    target.close()
  })

  test('delivers, and has no trouble then', async () => {
    const sink = await sinkOf(inject('brokers'), await newTopic(1))
    const targets = new Targets(sink, systemClock, silent)
    const collector = { collect: async () => ({ sample }) }
    const target = targets.add({
      labels,
      intervalMs: 1000,
      collector,
      immediate: true,
      endsWithProgram: true,
    })
    if (typeof target === 'string') throw new Error(target)
    await eventually(() => {
      expect(target.counts).toMatchObject({ held: 0, superseded: 0 })
      expect(target.counts.offered).toBeGreaterThan(0)
      expect(sink.trouble()).toBeUndefined()
    })
    await targets.stop(5000)
    expect(target.counts.held).toBe(0)
  })

  test('fails when its topic has settings that would make results wrong', async () => {
    const topic = name('wrong')
    const admin = new kafkajs.Kafka({ brokers: inject('brokers'), logLevel: 0 }).admin()
    await admin.connect()
    cleanups.push(() => admin.disconnect())
    const configEntries = [{ name: 'message.timestamp.type', value: 'CreateTime' }]
    const topics = [{ topic, numPartitions: 1, configEntries }]
    await admin.createTopics({ waitForLeaders: true, topics })
    const sink = await sinkOf(inject('brokers'), topic)
    await expect(sink.failed).rejects.toThrow(/message\.timestamp\.type|CreateTime/)
  })
})
