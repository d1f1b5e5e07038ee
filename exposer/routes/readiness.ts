import type { PartitionStatus } from '../core/status.js'
import type { Services } from './services.js'

/** Why this shard does not serve its partitions now; undefined when it does. */
export function notReady({
  ownership,
  shard,
  clock,
  trouble,
}: Pick<Services, 'ownership' | 'shard' | 'clock' | 'trouble'>) {
  return (): string | undefined =>
    trouble() ?? ownership.unsettledWhole() ?? troubleOf(shard.partitions(clock.now()), shard.options)
}

/** What makes a partition's targets fail although it is owned and was replayed; undefined when all are well. */
function troubleOf(
  partitions: readonly PartitionStatus[],
  limits: { readonly blindAfterMs: number; readonly maxAgeMs: number },
): string | undefined {
  const blind = partitions.filter(p => p.unheardMs > limits.blindAfterMs)
  if (blind.length) return `blind: ${named(blind)} cannot be fetched`
  const lagging = partitions.filter(p => p.lagSeconds * 1000 > limits.maxAgeMs)
  if (lagging.length) return `lagging: ${named(lagging)} is read too far behind`
  return undefined
}

function named(partitions: readonly PartitionStatus[]): string {
  return `partition ${partitions.map(p => p.partition).join(', ')}`
}
