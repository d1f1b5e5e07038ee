import { numericSetting, type TopicFacts, type TopicRule } from './facts.js'

/**
 * At least two partitions.
 *
 * @param recommended number of partitions that the command sets
 */
export function severalPartitions(recommended: number): TopicRule {
  return ({ metadata, commands }) => {
    if (metadata.partitions.length >= 2) return null
    return {
      severity: 'warning',
      message: 'the topic has one partition, so a second shard would have nothing to do',
      fix: commands.addPartitions(recommended),
    }
  }
}

/** Exactly one partition. Partitions cannot be removed: the topic has to be created again. */
export const onePartition: TopicRule = ({ metadata, commands }) => {
  const { length } = metadata.partitions
  if (length === 1) return null
  return {
    severity: 'error',
    message: `the topic has ${length} partitions, but its records need one total order: delete it and create it with one partition`,
    fix: commands.describe,
  }
}

export const everyPartitionLed: TopicRule = ({ metadata, commands }) => {
  const leaderless = metadata.partitions.filter(p => p.leader < 0).map(p => p.partition)
  if (leaderless.length === 0) return null
  return {
    severity: 'error',
    message: `partitions ${leaderless.join(', ')} have no leader: check that all brokers are running`,
    fix: commands.describe,
    transient: true,
  }
}

/** `min.insync.replicas` is at most the number of replicas. */
export const writable: TopicRule = facts => {
  const minInSync = numericSetting(facts, 'min.insync.replicas')
  const replicas = replicasOf(facts)
  if (!(minInSync > replicas)) return null
  return {
    severity: 'error',
    message: `all writes are refused: min.insync.replicas is ${minInSync}, but the number of replicas is ${replicas}`,
    fix: facts.commands.reassign,
  }
}

/** At least `wanted` replicas, or one per broker if there are fewer brokers. */
export function replicated(wanted: number): TopicRule {
  return facts => {
    const replicas = replicasOf(facts)
    if (replicas >= Math.min(wanted, facts.metadata.brokers)) return null
    return {
      severity: 'warning',
      message:
        replicas < 2
          ? 'each partition has one replica and is unavailable while its broker is down'
          : `each partition has ${replicas} replicas: with ${wanted}, one broker can fail while another is down for maintenance`,
      fix: facts.commands.reassign,
    }
  }
}

/**
 * If there are more than `minInSync` replicas, that many acknowledge a write: a write acknowledged
 * by one broker alone is lost with that broker.
 */
export function acknowledgedBy(minInSync: number): TopicRule {
  return facts => {
    const configured = numericSetting(facts, 'min.insync.replicas')
    if (replicasOf(facts) <= minInSync || !(configured < minInSync)) return null
    return {
      severity: 'warning',
      message: `writes are acknowledged by ${configured} of ${replicasOf(facts)} replicas and may be lost if a broker fails`,
      fix: facts.commands.set(`min.insync.replicas=${minInSync}`),
    }
  }
}

const replicasOf = ({ metadata }: TopicFacts) =>
  Math.min(...metadata.partitions.map(p => p.replicas))
