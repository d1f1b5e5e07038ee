import { RELAYED_RUNS } from '../../shared/snapshot/relayed.js'
import type { ShardOptions } from './options.js'

/**
 * Time without a record after which a run is stale, ms of log time.
 *
 * That of a mirror is `--staleness.max-age` at least. Several intervals may pass between the scrape
 * of its sender and the record, without the target being down: the sender waits until a request is
 * full, or sends it again after a fault, and when a gateway is killed another one goes on where it
 * stopped after the session timeout. A scrape that fails is a record of its own.
 */
export function staleWindow(
  incarnation: number,
  intervalMs: number,
  { staleAfterIntervals, maxAgeMs }: ShardOptions,
): number {
  const window = staleAfterIntervals * intervalMs
  return incarnation === RELAYED_RUNS.mirror ? Math.max(window, maxAgeMs) : window
}
