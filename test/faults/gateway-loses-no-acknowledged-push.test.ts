import { afterAll, afterEach, expect, inject, test } from 'vitest'
import { eventually } from '../support/eventually.js'
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

const ROUNDS = 6
const CLIENTS = 8

test('a push that was acknowledged is served after its gateway was killed at once', async () => {
  const topics = await newPushTopics()
  const kafka = { brokers: inject('brokers') }
  // Snapshots are written all the time, and are cut off by the kills.
  const settings = { ...QUICK, snapshotBytes: 3_000, upkeepInterval: 20 }
  const start = async () => {
    const gateway = await StoreProcess.start(programs, {
      kafka,
      topics,
      acceptGap: false,
      settings,
    })
    gateways.push(gateway)
    return gateway.ready()
  }
  const witness = await new TestStore({ topics }).start()
  stores.push(witness)
  /** Job → the last acknowledged value, and the last one that was sent. */
  const acknowledged = new Map<string, number>()
  const sent = new Map<string, number>()
  let next = start()
  for (let round = 0; round < ROUNDS; round++) {
    const gateway = await next
    let going = true
    let acknowledgements = 0
    const clients = Array.from({ length: CLIENTS }, async (_, client) => {
      const job = `client-${client}`
      while (going) {
        const value = (sent.get(job) ?? 0) + 1
        sent.set(job, value)
        try {
          const push = { group: { job }, body: `x{padding="${'p'.repeat(500)}"} ${value}\n` }
          expect(await gateway.push(push)).toEqual({ kind: 'done' })
          acknowledged.set(job, value)
          acknowledgements++
        } catch {
          return
        }
      }
    })
    await eventually(() => expect(acknowledgements).toBeGreaterThan(40), undefined, 1)
    await gateway.program.kill()
    going = false
    await Promise.all(clients)
    // It starts while others check.
    next = start()
    const heir = await next
    for (const store of [heir, witness]) {
      await eventually(async () => {
        const text = await store.text()
        for (const [job, value] of acknowledged) {
          const shown = new RegExp(`^x{instance="",job="${job}",padding="p+"} (\\d+)$`, 'm').exec(
            text,
          )
          expect(Number(shown?.[1])).toBeGreaterThanOrEqual(value)
          expect(Number(shown?.[1])).toBeLessThanOrEqual(sent.get(job)!)
        }
      })
    }
    expect((await heir.state()).gaps).toBe(0)
  }
  expect(acknowledged.size).toBe(CLIENTS)
})

test('when all gateways were killed, log and snapshots have everything, however long they are away', async () => {
  const topics = await newPushTopics()
  const kafka = { brokers: inject('brokers') }
  const settings = { ...QUICK, snapshotBytes: 5_000, upkeepInterval: 20 }
  const options = { kafka, topics, acceptGap: false, settings }
  const [a, b] = await Promise.all([1, 2].map(() => StoreProcess.start(programs, options)))
  gateways.push(a, b)
  await Promise.all([a.ready(), b.ready()])
  let value = 0
  await eventually(async () => {
    value++
    const body = `x{p="${'p'.repeat(1_000)}"} ${value}\n`
    await a.push({ group: { job: 'often' }, body })
    await b.push({ group: { job: `job${value % 20}` }, body })
    expect(value).toBeGreaterThan(20)
    const { snapshotsWritten } = await a.state()
    expect(snapshotsWritten + (await b.state()).snapshotsWritten).toBeGreaterThan(3)
  })
  // Read before the kill, after the last push: what is served later may not differ.
  const before = await b.text()
  await Promise.all([a.program.kill(), b.program.kill()])
  const next = await new TestStore({ topics }).start()
  stores.push(next)
  expect(await next.text()).toBe(before)
  expect(next.store.figures).toMatchObject({ gaps: 0, snapshotsLoaded: 1 })
})
