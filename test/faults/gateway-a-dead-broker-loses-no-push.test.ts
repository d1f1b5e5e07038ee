import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { Cluster } from '../../shared/kafka/wire/cluster.js'
import { eventually } from '../support/eventually.js'
import { silent } from '../support/kafka.js'
import { newPushTopics, TestStore } from '../support/push-stores.js'

let kafka: LocalKafka
beforeAll(async () => {
  // A short session timeout of brokers, so that partitions get new leaders sooner.
  const properties = { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500' }
  kafka = await startKafka({ own: true, brokers: 3, properties })
})
const stores: TestStore[] = []
afterEach(async () => {
  await Promise.all(stores.splice(0).map(store => store.stop()))
})
afterAll(() => kafka?.stop())

test('when the broker that leads the log dies, no acknowledged push is lost and none is applied twice', async () => {
  const { brokers } = kafka
  const topics = await newPushTopics(brokers)
  const start = async () => {
    const store = await new TestStore({ topics, kafka: { brokers } }).start()
    stores.push(store)
    return store
  }
  const gateways = await Promise.all([start(), start()])
  const counts = gateways.map(() => ({ acknowledged: 0, unknown: 0 }))
  let going = true
  const clients = gateways.map(async (gateway, i) => {
    const add = { method: 'accumulate', body: '# TYPE c counter\nc 1\n' } as const
    while (going) {
      try {
        await gateway.push({ ...add, group: { job: `j${i}` } })
        counts[i].acknowledged++
      } catch (error) {
        expect(error).toMatchObject({ name: 'StoreUnavailable' })
        if ((error as { maybeApplied: boolean }).maybeApplied) counts[i].unknown++
      }
    }
  })
  const acknowledgeMore = async () => {
    const before = counts.map(({ acknowledged }) => acknowledged)
    await eventually(() => {
      for (const [i, count] of counts.entries())
        expect(count.acknowledged).toBeGreaterThan(before[i] + 20)
    })
  }
  await acknowledgeMore()
  const cluster = new Cluster({ brokers }, silent)
  const { partitions } = await cluster.metadata(topics.pushes)
  cluster.close()
  await kafka.nodes.find(({ id }) => id === partitions[0].leader)!.kill('SIGKILL')
  await acknowledgeMore()
  going = false
  await Promise.all(clients)
  await eventually(async () => {
    const [a, b] = await Promise.all(gateways.map(gateway => gateway.pushed()))
    expect(a).toBe(b)
    for (const [i, { acknowledged, unknown }] of counts.entries()) {
      const value = Number(new RegExp(`job="j${i}"} (\\d+)`).exec(a)![1])
      expect(value).toBeGreaterThanOrEqual(acknowledged)
      expect(value).toBeLessThanOrEqual(acknowledged + unknown)
    }
  })
  for (const { store } of gateways) expect(store.figures).toMatchObject({ gaps: 0, reloads: 0 })
})
