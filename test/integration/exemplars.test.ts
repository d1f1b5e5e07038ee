import { Counter, Histogram, Registry } from 'prom-client'
import { afterEach, expect, inject, test } from 'vitest'
import { createPublisher } from '../../producer/index.js'
import { eventually } from '../support/eventually.js'
import { name, newTopic, silent } from '../support/kafka.js'
import { startShard } from '../support/shards.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

test("an OpenMetrics scrape has the exemplars of an app's registry on the same series, a text scrape has none", async () => {
  const topic = await newTopic(1)
  const shard = await startShard({ topic, group: name('exemplars') })
  cleanups.push(() => shard.stop())
  const register = new Registry()
  register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
  const options = { help: 'H.', registers: [register], enableExemplars: true }
  const counter = new Counter({ ...options, name: 'orders_total' })
  counter.inc({ value: 3, exemplarLabels: { trace_id: 'of-the-counter' } } as never)
  const histogram = new Histogram({ ...options, name: 'duration_seconds', buckets: [1, 10] })
  histogram.observe({ value: 5, exemplarLabels: { trace_id: 'of-the-bucket' } } as never)
  const publisher = createPublisher({
    brokers: inject('brokers'),
    topic,
    register,
    job: 'shop',
    instance: 'a',
    interval: '1s',
    logger: silent,
  })
  await publisher.start()
  cleanups.push(() => publisher.stop(0))

  const read = async (path: string, accept: string) => {
    const response = await fetch(`${shard.url}${path}`, { headers: { accept } })
    expect(response.status).toBe(200)
    return response.text()
  }
  const openMetrics = 'application/openmetrics-text;version=1.0.0'
  for (const [path, labels] of [
    ['/target?job=shop&instance=a', ''],
    ['/metrics', ',instance="a",job="shop"'],
  ]) {
    await eventually(async () => {
      const text = await read(path, openMetrics)
      const own = labels && `{${labels.slice(1)}}`
      expect(text).toContain(`\norders_total${own} 3 # {trace_id="of-the-counter"} 3 `)
      expect(text).toContain(
        `\nduration_seconds_bucket{le="10"${labels}} 1 # {trace_id="of-the-bucket"} 5 `,
      )
      expect(text).toMatch(/\n# EOF\n$/)
    })
    expect(await read(path, 'text/plain')).not.toContain('trace_id')
  }
})
