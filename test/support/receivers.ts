import type { RemoteFacts } from '../../exposer/telemetry/remote-write-status.js'
import { WriteFigures } from '../../shared/remote-write/figures.js'

/** A receiver of remote write, as a shard knows it. */
export function receiver(
  name: string,
  figures: Partial<WriteFigures> = {},
  facts: Partial<RemoteFacts> = {},
): RemoteFacts {
  return {
    name,
    url: `http://${name}:9090/api/v1/write`,
    protocol: '2.0',
    lagSeconds: 0,
    sendDeadlineSeconds: 5,
    memoryBytes: 0,
    partitions: { 'metrics.snapshots': 4 },
    figures: Object.assign(new WriteFigures(), { shards: 1, shardsDesired: 0.2 }, figures),
    ...facts,
  }
}

/** Receivers in each state. */
export function receiversInEachState(): RemoteFacts[] {
  const now = Date.now()
  const stored = { lastStoredAt: now - 1200, samples: 1_204_331, bytes: 900_000, pending: 1800 }
  const refusing = receiver('wrong-password', {
    lastRefusal: '401: Unauthorized',
    lastRefusedAt: now,
  })
  refusing.figures.fail('refused', 20_412)
  const ok = receiver('prometheus', stored)
  ok.figures.fail('refused', 12)
  ok.figures.fail('retention', 3)
  return [
    ok,
    receiver('mimir', { ...stored, shards: 50, shardsDesired: 71.3 }, { lagSeconds: 412 }),
    receiver(
      'victoria',
      { ...stored, lastStoredAt: now - 900_000, lastError: '503: try again', retried: 4000 },
      { protocol: '1.0', lagSeconds: 880 },
    ),
    refusing,
  ]
}
