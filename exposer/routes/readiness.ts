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

/** Returns a function that tells what a ready shard still does; undefined for nothing. */
export function background({ readBack }: Pick<Services, 'readBack'>) {
  return (): string | undefined => {
    const progress = readBack()
    if (!progress) return undefined
    const { partitions, share } = progress
    return `${partitions} partitions are being read back (${Math.floor(100 * share)} %): until then service discovery is unavailable`
  }
}
