import { Mirrors } from '../../../gateway/mirrors/mirrors.js'
import { systemClock } from '../../../shared/base/clock.js'

/**
 * The mirrors of a gateway in its own process. It sends the number of its partitions when that
 * changes.
 *
 *   mirroring-gateway.js '{"brokers":["127.0.0.1:9092"],"writes":"w","snapshots":"s","group":"g"}'
 */
export interface MirroringGatewayOptions {
  readonly brokers: readonly string[]
  readonly writes: string
  readonly snapshots: string
  readonly group: string
}

const { brokers, ...topics } = JSON.parse(process.argv[2] ?? '{}') as MirroringGatewayOptions
const quiet = () => {}
const mirrors = new Mirrors({
  kafka: { brokers: [...brokers] },
  ...topics,
  lookbackMs: 60_000,
  assemblyMs: 5_000,
  intervalMs: 15_000,
  maxBytes: 1e8,
  memory: () => 1e8,
  clock: systemClock,
  logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  sessionTimeout: 6_000,
})
await mirrors.start()
let told = -1
setInterval(() => {
  const { partitions } = mirrors
  if (partitions === told) return
  told = partitions
  process.send?.(partitions)
}, 50)
process.once('disconnect', () => process.exit())
