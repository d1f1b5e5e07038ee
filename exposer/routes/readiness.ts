import type { Services } from './services.js'

/** Returns a function that tells why this shard is not ready; undefined when it is. */
export function notReady({
  ownership,
  shard,
  clock,
  trouble,
}: Pick<Services, 'ownership' | 'shard' | 'clock' | 'trouble'>) {
  return (): string | undefined =>
    trouble() ?? ownership.shardPendingReason() ?? shard.trouble(clock.now())
}
