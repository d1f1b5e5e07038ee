import { compareUtf8 } from '../../shared/metrics/labels.js'
import type { TargetStatus } from './status.js'

/** One entry of Prometheus's HTTP service discovery. */
export interface SdGroup {
  readonly targets: readonly [string]
  readonly labels: Readonly<Record<string, string>>
}

export interface SdOptions {
  /** URL of the load balancer in front of all shards, with an optional path prefix. */
  readonly externalUrl: string
  /** Called for each omitted label. */
  onDropped?(name: string): void
}

/** Never above the scrape interval: Prometheus would discard the target without a message. */
const MAX_TIMEOUT_MS = 10_000

/**
 * One group per target that has not ended. Interval and timeout are both set, in integer
 * milliseconds.
 *
 * Prometheus rejects a list with one invalid label as a whole. Such labels are omitted.
 *
 * @see https://prometheus.io/docs/prometheus/latest/http_sd/
 */
export function sdGroups(statuses: Iterable<TargetStatus>, options: SdOptions): SdGroup[] {
  const url = new URL(options.externalUrl)
  const path = `${url.pathname.replace(/\/+$/, '')}/target`
  const groups: SdGroup[] = []
  for (const status of statuses) {
    if (status.state === 'ended' || status.intervalMs === 0) continue
    groups.push({ targets: [hostAndPort(url)], labels: labelsOf(status, url, path, options) })
  }
  return groups
}

function labelsOf(
  status: TargetStatus,
  url: URL,
  path: string,
  options: SdOptions,
): Record<string, string> {
  const labels: Record<string, string> = {
    __metrics_path__: path,
    __scrape_interval__: `${status.intervalMs}ms`,
    __scrape_timeout__: `${Math.min(MAX_TIMEOUT_MS, status.intervalMs)}ms`,
  }
  if (url.protocol === 'https:') labels.__scheme__ = 'https'
  for (const [name, value] of Object.entries(status.labels).sort(([a], [b]) => compareUtf8(a, b))) {
    if (!isValid(name, value)) {
      options.onDropped?.(name)
      continue
    }
    labels[name] = value
    labels[`__param_${name}`] = value
  }
  return labels
}

/** A lone surrogate has no UTF-8 encoding; the prefix `__` is reserved by Prometheus. */
function isValid(name: string, value: string): boolean {
  return name !== '' && !name.startsWith('__') && name.isWellFormed() && value.isWellFormed()
}

function hostAndPort(url: URL): string {
  return url.port ? url.host : `${url.host}:${url.protocol === 'https:' ? 443 : 80}`
}
