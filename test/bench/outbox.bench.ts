import { fileURLToPath } from 'node:url'
import { systemClock } from '../../shared/base/clock.js'
import { createSender } from '../../shared/kafka/sender.js'
import { sortLabels } from '../../shared/metrics/labels.js'
import { ConflatingOutbox } from '../../shared/publish/conflating-outbox.js'
import type { RecordSender } from '../../shared/publish/publication.js'
import { snapshotOf } from '../../shared/publish/publications.js'
import { Run } from '../../shared/publish/run.js'
import type { Sample } from '../../shared/publish/sample.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { planParts } from '../../shared/snapshot/split.js'
import { withKafka } from './pipeline.js'
import { type Row, spread, table } from './table.js'
import { httpService, random } from './workload.js'

const TARGETS = 1000
const SERIES = 100
const ROUNDS = 9
const ROUNDS_WARM = 3
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * A sender that acknowledges everything at once, to measure the outbox itself with the encoding.
 */
const nullSender = {
  laneOf: () => 0,
  sendAll: async (entries: readonly unknown[]) => entries.map(() => null),
}

/** Counts the calls of a sender. Each call is one request per broker. */
function counted(sender: RecordSender): RecordSender & { calls: number } {
  const counting = {
    calls: 0,
    laneOf: (key: Buffer) => sender.laneOf(key),
    sendAll: (entries: Parameters<RecordSender['sendAll']>[0]) => {
      counting.calls++
      return sender.sendAll(entries)
    },
  }
  return counting
}

/** Sends each snapshot in its own request, as if each target had its own publisher. */
const oneByOne = (sender: RecordSender): RecordSender => {
  const lanes = new Map<string, number>()
  return {
    laneOf: key => {
      const name = key.toString('latin1')
      const lane = lanes.get(name) ?? lanes.size
      lanes.set(name, lane)
      return lane
    },
    sendAll: entries => sender.sendAll(entries),
  }
}

async function measure(what: string, to: RecordSender): Promise<Row> {
  const sender = counted(to)
  const outbox = new ConflatingOutbox({ sender, clock: systemClock })
  const next = random(TARGETS)
  const parts = planParts(httpService(SERIES).layout)
  const targets = Array.from({ length: TARGETS }, (_, i) => {
    const labels = sortLabels({ job: 'bench', instance: `host-${i}:9100` })
    const run = new Run({ target: labels, incarnation: Date.now(), intervalMs: 15_000 })
    return { run, outbox: outbox.target(targetKey(labels)) }
  })
  const offerAll = async () => {
    for (const { run, outbox } of targets) {
      const values = Float64Array.from({ length: SERIES }, () => Math.floor(next() * 1e6))
      const sample: Sample = { parts, values, timestamps: null, exemplars: null }
      outbox.offer(snapshotOf(run.header, run.next(Date.now(), 0.001), sample, false))
    }
    await Promise.all(targets.map(({ outbox }) => outbox.drain()))
  }
  for (let round = 0; round < ROUNDS_WARM; round++) await offerAll()
  const figures: number[] = []
  sender.calls = 0
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    await offerAll()
    const { user, system } = process.cpuUsage(before)
    figures.push((user + system) / (TARGETS * SERIES))
  }
  const acknowledged = targets.reduce((sum, { outbox }) => sum + outbox.counts.acknowledged, 0)
  if (acknowledged !== TARGETS * (ROUNDS + ROUNDS_WARM))
    throw new Error(`only ${acknowledged} snapshots were acknowledged`)
  return {
    work: `one outbox, ${TARGETS.toLocaleString('en')} targets of ${SERIES} series, ${what}`,
    figure: `${spread(figures, 3)} CPU-s per million samples`,
    note: `${(sender.calls / ROUNDS).toFixed(0)} sends for ${TARGETS} snapshots; includes generating the values`,
  }
}

/**
 * Measures the CPU time of an agent or a gateway that sends for many targets through one outbox.
 */
export async function run(): Promise<Row[]> {
  const rows = [await measure('to a sender that acknowledges at once', nullSender)]
  return withKafka(async bench => {
    const topic = await bench.topic()
    const kafka = { brokers: bench.brokers }
    const sender = createSender({ kafka, topic, logger: quiet, sendTimeout: 60_000 })
    try {
      rows.push(await measure('to Kafka, 12 partitions of one broker', sender))
      rows.push(await measure('to Kafka, one request per snapshot', oneByOne(sender)))
    } finally {
      await sender.disconnect()
    }
    return rows
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(table(await run()))
