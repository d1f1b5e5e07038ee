import { once } from 'node:events'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { readTopic, type TopicReader } from '../producer/read-topic.js'
import { eventually } from '../support/eventually.js'
import { newTopic } from '../support/kafka.js'
import { type Program, Programs } from '../support/program.js'
import type { AppReport } from '../support/programs/publishing-app.js'

const SERIES = 2000
const OUTAGE = 10
const MEGABYTE = 1024 * 1024

const programs = new Programs()
afterAll(() => programs.remove())

let kafka: LocalKafka
let app: Program
let reader: TopicReader | undefined
beforeEach(async () => {
  kafka = await startKafka({ own: true })
})
afterEach(async () => {
  await app?.kill()
  kafka.resume()
  await reader?.stop()
  reader = undefined
  await kafka.stop()
})

async function report(): Promise<AppReport> {
  const answer = once(app.child, 'message')
  app.child.send('report')
  return (await answer)[0] as AppReport
}

/** Snapshots that the publisher still holds: at most one in flight and one waiting. */
const held = ({ metrics }: AppReport) =>
  metrics.publisher_snapshots_total -
  metrics.publisher_snapshots_superseded_total -
  metrics.publisher_send_duration_seconds_count

/** The minimum of several reports, which excludes memory allocated during the report. */
async function memory(): Promise<number> {
  const reports = [await report(), await report(), await report()]
  return Math.min(...reports.map(r => r.memory))
}

async function startApp(): Promise<string> {
  const topic = await newTopic(1, kafka.brokers)
  const options = { mode: 'busy', brokers: kafka.brokers, topic, series: SERIES }
  app = await programs.start('publishing-app.ts', [JSON.stringify(options)])
  await eventually(() => expect(app.messages).toContain('ready'))
  // Wait until code is compiled and connections are established.
  await eventually(async () =>
    expect((await report()).metrics.publisher_send_duration_seconds_count).toBeGreaterThanOrEqual(
      5,
    ),
  )
  return topic
}

describe.each<[string, () => unknown, () => unknown]>([
  ['hangs', () => kafka.pause(), () => kafka.resume()],
  ['is dead', () => kafka.kill(), () => kafka.restart()],
])('while the broker %s', (_, fail, recover) => {
  test('the app does not grow, its event loop runs, and superseded snapshots are counted', async () => {
    const topic = await startApp()
    const before = await memory()
    await fail()

    const during: AppReport[] = []
    await eventually(async () => {
      const now = await report()
      during.push(now)
      expect(held(now)).toBeGreaterThanOrEqual(0)
      expect(held(now)).toBeLessThanOrEqual(2)
      expect(now.metrics.publisher_snapshots_superseded_total).toBeGreaterThanOrEqual(OUTAGE)
    })
    for (const one of during) {
      expect(held(one)).toBeGreaterThanOrEqual(0)
      expect(held(one)).toBeLessThanOrEqual(2)
    }
    // The event loop was never blocked by a broker. On a busy machine a report may have no turn.
    const turns = during.reduce((sum, one) => sum + one.turns, 0)
    expect(turns).toBeGreaterThan(during.length)
    expect((await memory()) - before).toBeLessThan(5 * MEGABYTE)
    const outage = await report()
    expect(held(outage)).toBeGreaterThan(0)
    expect(outage.metrics.publisher_send_errors_total).toBeGreaterThan(0)

    await recover()
    await eventually(async () => expect(held(await report())).toBe(0))
    app.child.send('stop')
    await once(app.child, 'exit')
    reader = await readTopic(kafka.brokers, topic)
    const { records } = reader
    await eventually(() => expect(records.at(-1)?.header.end).toBe(true))

    // A snapshot consists of its values and its encoded record.
    const snapshotBytes = Math.max(...records.map(({ bytes, values }) => bytes + values.size * 8))
    for (const { metrics } of during)
      expect(metrics.publisher_buffered_bytes).toBeLessThanOrEqual(2 * snapshotBytes)
    // Every missing sequence is counted as superseded.
    const sequences = new Set(records.map(({ header }) => header.sequence))
    const { sequence, superseded } = records.at(-1)!.header
    expect(superseded).toBeGreaterThanOrEqual(OUTAGE)
    // A send that timed out may have been written. Its snapshot is then in the log and counted too.
    expect(sequence + 1 - sequences.size).toBeLessThanOrEqual(superseded)
    expect(sequence + 1 - sequences.size).toBeGreaterThanOrEqual(superseded - 2)
    expect(records.at(-1)!.values.size).toBeGreaterThan(SERIES)
  })
})
