import {
  createGroupConsumer,
  type GroupConsumerOptions,
} from '../../shared/kafka/group-consumer.js'
import { replayWindow } from '../../shared/kafka/start.js'
import type { GroupConsumer } from '../../shared/kafka/types.js'
import { encodeAddress } from '../group/map.js'
import type { ExposerConfig } from './config.js'

/**
 * Creates the group consumer of a shard. It replays assigned partitions, advertises the address of
 * the shard as member metadata, and commits no offsets.
 *
 * @throws KafkaError when the address of a broker is invalid
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
