import { systemClock } from '../../../shared/base/clock.js'
import { createSender } from '../../../shared/kafka/sender.js'
import { OrderedOutbox } from '../../../shared/publish/ordered-outbox.js'
import { RELAYED_RUNS } from '../../../shared/snapshot/relayed.js'
import { FakeApp } from '../records.js'

/**
 * A gateway that relays one target, in its own process. Gateways with the same options relay the
 * same history: `x` is the number of intervals since `began`. One that starts sends the last ten
 * snapshots again.
 *
 *   relaying-gateway.js '{"brokers":["127.0.0.1:9092"],"topic":"t","began":1700000000000,…}'
 */
export interface GatewayOptions {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly labels: Record<string, string>
  /** Unix ms. */
  readonly began: number
  readonly intervalMs: number
}

const REPEATED = 10
const { brokers, topic, labels, began, intervalMs } = JSON.parse(
  process.argv[2] ?? '{}',
) as GatewayOptions
const quiet = () => {}
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }
const kafka = { brokers: [...brokers] }
const sender = createSender({ kafka, topic, logger, sendTimeout: 5000 })
const outbox = new OrderedOutbox({ sender, clock: systemClock, maxBytes: 1e8 })
const app = new FakeApp({
  labels,
  intervalMs,
  incarnation: RELAYED_RUNS.push,
  // One family in each part.
  partBytes: 50,
})
const target = outbox.target(app.key)

function encode(index: number, writer: number): Buffer[] {
  const exposition = ['x', 'y', 'z']
    .map(name => `# TYPE ${name} gauge\n${name}{writer="${writer}"} ${index}\n`)
    .join('')
  const collectedAt = began + index * intervalMs
  const snapshot = { exposition, collectedAt, sequence: collectedAt, superseded: writer }
  return app.records(snapshot).map(({ value }) => value!)
}

const current = () => Math.floor((Date.now() - began) / intervalMs)
let next = Math.max(0, current() - REPEATED)
setInterval(() => {
  for (; next <= current(); next++) {
    const index = next
    const publication = { bytes: 1, encodedBytes: 1, encode: (n: number) => encode(index, n) }
    void target.offer(publication)
  }
}, 20)
process.once('disconnect', () => process.exit())
