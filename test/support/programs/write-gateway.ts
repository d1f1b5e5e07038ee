import { KafkaWriteLog } from '../../../gateway/server/kafka-write-log.js'
import { systemClock } from '../../../shared/base/clock.js'
import { startGateway } from '../gateway.js'
import { LocalPushStore } from '../local-push-store.js'

/**
 * A gateway that receives remote write, in its own process. It sends its URL.
 *
 *   write-gateway.js '{"brokers":["127.0.0.1:9092"],"topic":"t"}'
 */
export interface WriteGatewayOptions {
  readonly brokers: readonly string[]
  readonly topic: string
}

const { brokers, topic } = JSON.parse(process.argv[2] ?? '{}') as WriteGatewayOptions
const quiet = () => {}
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }
const log = new KafkaWriteLog({ kafka: { brokers }, topic, clock: systemClock, logger })
const { url } = await startGateway({}, new LocalPushStore(), {}, log)
process.send?.(url)
process.once('disconnect', () => process.exit())
