import { numericSetting, type TopicFacts, type TopicRule } from './facts.js'

/** @param recommended the number of partitions that the command makes of one */
export function severalPartitions(recommended: number): TopicRule {
  return ({ metadata, commands }) => {
    if (metadata.partitions.length >= 2) return null
    return {
      severity: 'warning',
      message: 'there is one partition only, so that no second shard can help',
      fix: commands.addPartitions(recommended),
    }
  }
}

/** Partitions cannot be taken away: the topic has to be created again. */
export const onePartition: TopicRule = ({ metadata, commands }) => {
  const { length } = metadata.partitions
  if (length === 1) return null
  return {
    severity: 'error',
    message: `it has ${length} partitions, but its records must be in one total order: delete it and create it with one partition`,
    fix: commands.describe,
  }
}

export const everyPartitionLed: TopicRule = ({ metadata, commands }) => {
  const leaderless = metadata.partitions.filter(p => p.leader < 0).map(p => p.partition)
  if (leaderless.length === 0) return null
  return {
    severity: 'error',
    message: `partitions ${leaderless.join(', ')} have no leader: a broker is missing`,
    fix: commands.describe,
    transient: true,
  }
}

/** No more in-sync replicas are asked for than there are replicas. */
export const writable: TopicRule = facts => {
  const minInSync = numericSetting(facts, 'min.insync.replicas')
  const replicas = replicasOf(facts)
  if (!(minInSync > replicas)) return null
  return {
    severity: 'error',
    message: `every write is refused: min.insync.replicas is ${minInSync}, but there are ${replicas} replicas`,
    fix: facts.commands.reassign,
  }
}

/** As many replicas as that, or as there are brokers if those are fewer. */
export function replicated(wanted: number): TopicRule {
  return facts => {
    const replicas = replicasOf(facts)
    if (replicas >= Math.min(wanted, facts.metadata.brokers)) return null
    return {
      severity: 'warning',
      message:
        replicas < 2
          ? 'each partition is on one broker only, and gone while that is down'
          : `each partition is on ${replicas} brokers only: with ${wanted} replicas, one broker can be lost while another is down for maintenance`,
      fix: facts.commands.reassign,
    }
  }
}

/** Where there are enough replicas: a write that one broker alone acknowledged is lost with that broker. */
export function acknowledgedBy(minInSync: number): TopicRule {
  return facts => {
    const configured = numericSetting(facts, 'min.insync.replicas')
    if (replicasOf(facts) <= minInSync || !(configured < minInSync)) return null
    return {
      severity: 'warning',
      message: `writes are acknowledged when ${configured} of ${replicasOf(facts)} replicas have them, and lost with that broker`,
      fix: facts.commands.set(`min.insync.replicas=${minInSync}`),
    }
  }
}

const replicasOf = ({ metadata }: TopicFacts) => Math.min(...metadata.partitions.map(p => p.replicas))
