import { createGroupConsumer, type GroupConsumerOptions } from '../../shared/kafka/group-consumer.js'
import { replayWindow } from '../../shared/kafka/start.js'
import type { GroupConsumer } from '../../shared/kafka/types.js'
import { encodeAddress } from '../group/map.js'
import type { ExposerConfig } from './config.js'

/**
 * A shard as a member of its group: it replays, tells others where it is reached, and commits nothing.
 *
 * @throws KafkaError when a broker's address is not one
 */
export function createShardConsumer(
  { kafka, topic, group, sessionTimeout, heartbeatInterval, replayWindow: window }: ExposerConfig,
  address: string,
  dependencies: Pick<GroupConsumerOptions, 'listener' | 'logger' | 'clock'>,
): GroupConsumer {
  return createGroupConsumer({
    kafka,
    topic,
    group,
    sessionTimeout,
    heartbeatInterval,
    start: replayWindow(window),
    metadata: encodeAddress(address),
    ...dependencies,
  })
}
