import { afterAll, afterEach, expect, inject, test } from 'vitest'
import { logEnds } from '../../shared/kafka/log/ends.js'
import { Cluster } from '../../shared/kafka/wire/cluster.js'
import { eventually } from '../support/eventually.js'
import { silent } from '../support/kafka.js'
import { Programs } from '../support/program.js'
import { newPushTopics, QUICK, TestStore } from '../support/push-stores.js'
import { StoreProcess } from '../support/store-process.js'

const programs = new Programs()
const gateways: StoreProcess[] = []
const stores: TestStore[] = []
afterEach(async () => {
  await Promise.all(gateways.splice(0).map(gateway => gateway.program.kill()))
  await Promise.all(stores.splice(0).map(store => store.stop()))
})
afterAll(() => programs.remove())

test('a gateway that was suspended while others removed the log at its position loads the state again', async () => {
  const topics = await newPushTopics()
  const kafka = { brokers: inject('brokers') }
  const settings = { ...QUICK, snapshotBytes: 5_000, upkeepInterval: 50 }
  const suspended = await StoreProcess.start(programs, {
    kafka,
    topics,
    acceptGap: false,
    settings,
  })
  gateways.push(suspended)
  const other = await new TestStore({ topics, settings }).start()
  stores.push(other)
  await suspended.ready()
  await suspended.push({ group: { job: 'deleted' }, body: 'x 1\n' })
  await suspended.push({ group: { job: 'kept' }, body: 'x 2\n' })
  const { appliedOffset } = await suspended.state()
  suspended.signal('SIGSTOP')
  await other.push({ method: 'delete', group: { job: 'deleted' } })
  const cluster = new Cluster(kafka, silent)
  await eventually(async () => {
    await other.push({ group: { job: 'more' }, body: `y{p="${'p'.repeat(3_000)}"} 1\n` })
    expect((await logEnds(cluster, topics.pushes)).begin).toBeGreaterThan(appliedOffset + 1)
  })
  cluster.close()
  suspended.signal('SIGCONT')
  await eventually(async () => expect((await suspended.state()).reloads).toBe(1))
  await suspended.ready()
  expect(await suspended.text()).toBe(await other.text())
  expect(await suspended.state()).toMatchObject({ gaps: 0, snapshotsLoaded: 1 })
  // It takes part again.
  await suspended.push({ group: { job: 'after' }, body: 'x 3\n' })
  await eventually(async () => expect(await other.pushed()).toContain('job="after"'))
})
