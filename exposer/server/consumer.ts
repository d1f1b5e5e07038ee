import { instanceIdOf } from '../../shared/kafka/group/instance-id.js'
import {
  createGroupConsumer,
  type GroupConsumerOptions,
} from '../../shared/kafka/group-consumer.js'
import { replayWindow } from '../../shared/kafka/start.js'
import type { GroupConsumer } from '../../shared/kafka/types.js'
import { encodeMember, type Member } from '../group/map.js'
import type { ExposerConfig } from './config.js'

/**
 * Creates the group consumer of a shard. It is a static member with the address of the shard,
 * advertises the address as member metadata, replays assigned partitions, and commits no offsets.
 *
 * @throws KafkaError when the address of a broker is invalid
 */
export function createShardConsumer(
  { kafka, topic, group, sessionTimeout, heartbeatInterval, replayWindow: window }: ExposerConfig,
  member: Member,
  dependencies: Pick<GroupConsumerOptions, 'listener' | 'logger' | 'clock' | 'onDuplicate'>,
): GroupConsumer {
  return createGroupConsumer({
    kafka,
    topic,
    group,
    sessionTimeout,
    heartbeatInterval,
    start: replayWindow(window),
    instanceId: instanceIdOf(member.address),
    metadata: encodeMember(member),
    ...dependencies,
  })
}
