import type { WriteProtocol } from '../../shared/metrics/remote-write/request.js'
import type { FailureReason } from '../../shared/remote-write/figures.js'
import type { WatchedRemote } from './remote-write-metrics.js'

/** What is known of a receiver. */
export interface RemoteFacts extends WatchedRemote {
  /** Without user, password and parameters. */
  readonly url: string
  readonly protocol: WriteProtocol
  /** Time that samples may wait for others of their request, seconds. */
  readonly sendDeadlineSeconds: number
}

/**
 * `retrying`: the last request failed and is repeated. `refusing`: all requests of the last seconds
 * were refused for good. `isolating`: samples of some targets are not stored and sent apart, all others
 * are stored. `behind`: sending is behind the end of the log although requests succeed.
 */
export type RemoteState = 'ok' | 'behind' | 'retrying' | 'isolating' | 'refusing'

/** A receiver as the API and the page show it. */
export interface RemoteStatus
  extends Omit<RemoteFacts, 'figures' | 'sendDeadlineSeconds' | 'memoryBytes'> {
  readonly state: RemoteState
  /**
   * Error of the request that is repeated, or else of an isolated target, or else of the last
   * refusal; empty without any.
   */
  readonly error: string
  /** Null if nothing was stored. */
  readonly secondsSinceStored: number | null
  readonly samples: number
  readonly histograms: number
  readonly exemplars: number
  readonly retried: number
  readonly failed: Readonly<Record<FailureReason, number>>
  readonly pending: number
  readonly isolatedTargets: number
  readonly isolatedSamples: number
  readonly shards: number
  readonly shardsDesired: number
}

/** Lag besides the send deadline that is no longer that of batches and fetches. */
const BEHIND_SECONDS = 60
/** Refusals of single targets are between requests that are stored. */
const REFUSING_MS = 10_000

/** @param wall Unix ms */
export function statusOf(remote: RemoteFacts, wall: number): RemoteStatus {
  const { name, url, protocol, figures, lagSeconds, partitions } = remote
  return {
    name,
    url,
    protocol,
    state: stateOf(remote),
    error: figures.lastError || figures.isolatedError || figures.lastRefusal,
    lagSeconds,
    secondsSinceStored:
      figures.lastStoredAt === 0 ? null : Math.max(0, (wall - figures.lastStoredAt) / 1000),
    samples: figures.samples,
    histograms: figures.histograms,
    exemplars: figures.exemplars,
    retried: figures.retried,
    failed: Object.fromEntries(figures.failed) as Record<FailureReason, number>,
    pending: figures.pending,
    isolatedTargets: figures.isolatedTargets,
    isolatedSamples: figures.isolatedSamples,
    shards: figures.shards,
    shardsDesired: figures.shardsDesired,
    partitions,
  }
}

function stateOf({ figures, lagSeconds, sendDeadlineSeconds }: RemoteFacts): RemoteState {
  const { lastError, lastRefusedAt, lastStoredAt } = figures
  if (lastError !== '') return 'retrying'
  if (lastRefusedAt > (lastStoredAt === 0 ? 0 : lastStoredAt + REFUSING_MS)) return 'refusing'
  if (figures.isolatedTargets > 0) return 'isolating'
  return lagSeconds > sendDeadlineSeconds + BEHIND_SECONDS ? 'behind' : 'ok'
}
