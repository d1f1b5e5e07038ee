import { isLegacyLabelName } from '../../shared/exposition/escape.js'
import { compareUtf8 } from '../../shared/metrics/labels.js'
import { ESCAPED_PREFIX, escapeLabelName, unescapeLabelName } from './label-escape.js'
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
  /** Called for each label that is listed with an escaped name. */
  onEscaped?(name: string): void
}

/** What a target's group depends on. */
type Listed = Pick<TargetStatus, 'state' | 'intervalMs' | 'labels'>

/** Never above the scrape interval: Prometheus would discard the target without a message. */
const MAX_TIMEOUT_MS = 10_000
const RESERVED = '__'

/**
 * One group per target that has not ended. Interval and timeout are both set, in integer
 * milliseconds.
 *
 * Prometheus 2 rejects a list with one label name that it does not know, such as `service.name`, as
 * a whole. Such names are escaped; `withOriginalNames` makes a group for Prometheus 3. Whatever
 * becomes of a label, `/target` finds the target with the parameters of its group.
 *
 * @see https://prometheus.io/docs/prometheus/latest/http_sd/
 */
export function sdGroups(statuses: Iterable<Listed>, options: SdOptions): SdGroup[] {
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
  status: Listed,
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
  const own = Object.entries(status.labels).sort(([a], [b]) => compareUtf8(a, b))
  for (const [name, value] of own) {
    if (isListed(name)) labels[name] = value
    if (name !== '') labels[`__param_${parameterOf(name)}`] = value
  }
  for (const [name, value] of own) {
    if (isListed(name)) continue
    const escaped = escapeLabelName(name)
    if (name === '' || name.startsWith(RESERVED) || escaped in labels) options.onDropped?.(name)
    else {
      labels[escaped] = value
      options.onEscaped?.(name)
    }
  }
  return labels
}

/**
 * The parameter of `/target` that selects a label. It is part of a label name in discovery, and
 * parameters with the prefix `__` have another meaning.
 */
function parameterOf(name: string): string {
  return isListed(name) && unescapeLabelName(name) === undefined ? name : escapeLabelName(name)
}

/** The label that a parameter of `/target` selects. */
export function labelOfParameter(parameter: string): string {
  return unescapeLabelName(parameter) ?? parameter
}

/**
 * A group, as JSON, with the original names of its labels, which Prometheus 3 accepts. The
 * parameters stay escaped.
 */
export function withOriginalNames(group: string): string {
  if (!group.includes(`"${ESCAPED_PREFIX}`)) return group
  const { targets, labels } = JSON.parse(group) as SdGroup
  const named = Object.entries(labels).map(([name, value]) => {
    // A label whose own name looks escaped has a parameter with another name.
    const isParameter = labels[`__param_${name}`] === value
    return [isParameter ? labelOfParameter(name) : name, value] as const
  })
  return JSON.stringify({ targets, labels: Object.fromEntries(named) })
}

/** Whether Prometheus 2 accepts the name. The prefix `__` is reserved. */
const isListed = (name: string) => isLegacyLabelName(name) && !name.startsWith(RESERVED)

function hostAndPort(url: URL): string {
  return url.port ? url.host : `${url.host}:${url.protocol === 'https:' ? 443 : 80}`
}
