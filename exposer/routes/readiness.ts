import type { PartitionStatus } from '../core/status.js'
import type { Services } from './services.js'

/** Returns a function that tells why this shard is not ready; undefined when it is. */
export function notReady({
  ownership,
  shard,
  clock,
  trouble,
}: Pick<Services, 'ownership' | 'shard' | 'clock' | 'trouble'>) {
  return (): string | undefined =>
    trouble() ??
    ownership.shardPendingReason() ??
    failureOf(shard.partitions(clock.now()), shard.options)
}

/** Why the scrapes of targets in an owned, replayed partition fail; undefined when they do not. */
function failureOf(
  partitions: readonly PartitionStatus[],
  limits: { readonly blindAfterMs: number; readonly maxAgeMs: number },
): string | undefined {
  const blind = partitions.filter(p => p.unheardMs > limits.blindAfterMs)
  if (blind.length) return `blind: fetches fail for partitions: ${numbersOf(blind)}`
  const lagging = partitions.filter(p => p.lagSeconds * 1000 > limits.maxAgeMs)
  if (lagging.length)
    return `lagging: the lag exceeds --staleness.max-age in partitions: ${numbersOf(lagging)}`
  return undefined
}

function numbersOf(partitions: readonly PartitionStatus[]): string {
  return partitions.map(p => p.partition).join(', ')
}
