import { formatDuration, parseDuration } from '../../../shared/base/flags/duration.js'
import type { Steps } from '../../../shared/base/steps.js'
import { sortLabels } from '../../../shared/metrics/labels.js'
import type { Label } from '../../../shared/metrics/model.js'
import { type LabelMap, relabelSteps } from '../../../shared/metrics/relabel/relabel.js'
import type { ScrapeJob } from '../config/job.js'
import type { TargetGroup } from '../discovery/target-group.js'

/** A target after relabelling. */
export interface ScrapeTarget {
  /** Labels of the target, sorted. */
  readonly labels: readonly Label[]
  readonly url: URL
  readonly intervalMs: number
  readonly timeoutMs: number
  /** All labels after relabelling, those that begin with `__` included: what makes it unique. */
  readonly identity: string
  /** Before relabelling, for `/api/v1/targets`. */
  readonly discovered: Readonly<Record<string, string>>
}

/** `dropped`: by a relabelling rule. `invalid`: with the reason. */
export type Placed =
  | { readonly kind: 'target'; readonly target: ScrapeTarget }
  | { readonly kind: 'dropped'; readonly discovered: Readonly<Record<string, string>> }
  | { readonly kind: 'invalid'; readonly reason: string }

/**
 * Labels, relabels and checks one target of a group, as Prometheus does.
 *
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config
 */
export function* placeTargetSteps(
  address: string,
  group: TargetGroup,
  job: ScrapeJob,
): Steps<Placed> {
  const labels = discoveredLabels(address, group, job)
  const discovered = Object.fromEntries(labels)
  if (!(yield* relabelSteps(labels, job.relabelRules))) return { kind: 'dropped', discovered }
  const reason = problemOf(labels)
  if (reason !== undefined) return { kind: 'invalid', reason }
  for (const name of [...labels.keys()]) if (name.startsWith('__meta_')) labels.delete(name)
  if (!labels.get('instance')) labels.set('instance', labels.get('__address__')!)
  const url = urlOf(labels, job)
  if (typeof url === 'string') return { kind: 'invalid', reason: url }
  const all = sortLabels([...labels].map(([name, value]) => ({ name, value })))
  return {
    kind: 'target',
    target: {
      labels: all.filter(({ name }) => !name.startsWith('__')),
      url,
      intervalMs: parseDuration(labels.get('__scrape_interval__')!)!,
      timeoutMs: parseDuration(labels.get('__scrape_timeout__')!)!,
      identity: JSON.stringify([all.map(({ name, value }) => [name, value]), url.href]),
      discovered,
    },
  }
}

function discoveredLabels(address: string, group: TargetGroup, job: ScrapeJob): LabelMap {
  const labels: LabelMap = new Map(
    Object.entries({ ...group.labels, __address__: address }).filter(([, value]) => value !== ''),
  )
  const setDefault = (name: string, value: string) => {
    if (!labels.get(name) && value !== '') labels.set(name, value)
  }
  setDefault('job', job.name)
  setDefault('__scrape_interval__', formatDuration(job.intervalMs))
  setDefault('__scrape_timeout__', formatDuration(job.timeoutMs))
  setDefault('__metrics_path__', job.metricsPath)
  setDefault('__scheme__', job.scheme)
  for (const [name, [first = '']] of Object.entries(job.params))
    setDefault(`__param_${name}`, first)
  return labels
}

function problemOf(labels: LabelMap): string | undefined {
  const address = labels.get('__address__')
  if (!address) return 'no address'
  if (address.includes('/')) return `${JSON.stringify(address)} is not a valid hostname`
  const times: number[] = []
  for (const what of ['interval', 'timeout'] as const) {
    const text = labels.get(`__scrape_${what}__`) ?? ''
    const ms = parseDuration(text)
    if (ms === undefined)
      return `error parsing scrape ${what}: not a valid duration string: ${JSON.stringify(text)}`
    if (ms === 0) return `scrape ${what} cannot be 0`
    times.push(ms)
  }
  return times[1] > times[0]
    ? `scrape timeout cannot be greater than scrape interval (${JSON.stringify(labels.get('__scrape_timeout__'))} > ${JSON.stringify(labels.get('__scrape_interval__'))})`
    : undefined
}

/** The URL of a target, or why there is none. */
function urlOf(labels: LabelMap, job: ScrapeJob): URL | string {
  const query = new Map<string, string[]>(
    Object.entries(job.params).map(([name, values]) => [name, [...values]]),
  )
  for (const [label, value] of labels) {
    if (!label.startsWith('__param_')) continue
    const name = label.slice('__param_'.length)
    query.set(name, [value, ...(query.get(name) ?? []).slice(1)])
  }
  const parameters = [...query]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, values]) => values.map((value): [string, string] => [name, value]))
  const search = new URLSearchParams(parameters).toString()
  const scheme = labels.get('__scheme__') ?? ''
  if (scheme !== 'http' && scheme !== 'https')
    return `the scheme ${JSON.stringify(scheme)} is not http or https`
  const authority = `${scheme}://${labels.get('__address__')}`
  if (!URL.canParse(authority)) return `${JSON.stringify(authority)} is not a valid URL`
  const url = new URL(authority)
  // The path is no URL: Prometheus escapes a question mark, and a percent sign is itself.
  url.pathname = (labels.get('__metrics_path__') ?? '').replace(/%/g, '%25')
  url.search = search
  return url
}
