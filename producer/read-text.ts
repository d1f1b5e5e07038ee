import type { MetricJson, ValueJson } from '../shared/metrics/prom-client/metric-json.js'

interface Draft extends MetricJson {
  readonly values: ValueJson[]
}

const SUFFIX = /_(?:bucket|sum|count)$/

/**
 * Reads an exposition (text 0.0.4, or OpenMetrics without its exemplars) into what `getMetricsAsJSON` would give. Lenient, because
 * libraries are: what is no number is NaN, a sample without a family is one by itself. Timestamps are left to the snapshot.
 *
 * @throws Error for a line that is no sample
 */
export function readText(text: string): MetricJson[] {
  const metrics = new Map<string, Draft>()
  const openMetrics = text.trimEnd().endsWith('# EOF')
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) readComment(line, metrics)
    else if (line.trim() !== '') readSample(line, metrics, openMetrics)
  }
  return [...metrics.values()]
}

function readComment(line: string, metrics: Map<string, Draft>): void {
  const match = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line)
  if (!match) return
  const [, kind, name, rest] = match
  const known = metrics.get(name) ?? { name, type: undefined, help: '', values: [] }
  metrics.set(name, { ...known, ...(kind === 'HELP' ? { help: unescaped(rest) } : { type: rest.trim() }) })
}

function readSample(line: string, metrics: Map<string, Draft>, openMetrics: boolean): void {
  const name = /^[^\s{]+/.exec(line)?.[0]
  if (!name) throw new Error(`no name in line ${quote(line)}`)
  const labels: Record<string, string> = {}
  const end = line[name.length] === '{' ? readLabels(line, name.length + 1, labels) : name.length
  const value = /^\s+(\S+)/.exec(line.slice(end))?.[1]
  if (value === undefined) throw new Error(`no value in line ${quote(line)}`)
  const { metric, metricName } = ownerOf(name, metrics, openMetrics)
  metric.values.push({ value: numberOf(value), labels, metricName })
}

/** @returns where the labels end */
function readLabels(line: string, start: number, labels: Record<string, string>): number {
  const label = /\s*([^\s=,{}"]+)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?|\s*\}/y
  label.lastIndex = start
  for (;;) {
    const match = label.exec(line)
    if (!match) throw new Error(`the labels cannot be read in line ${quote(line)}`)
    if (match[1] === undefined) return label.lastIndex
    labels[match[1]] = unescaped(match[2])
  }
}

function ownerOf(
  name: string,
  metrics: Map<string, Draft>,
  openMetrics: boolean,
): { metric: Draft; metricName?: string } {
  const bare = name.replace(SUFFIX, '')
  const composed = metrics.get(bare)
  if (composed && bare !== name && (composed.type === 'histogram' || composed.type === 'summary'))
    return { metric: composed, metricName: name }
  const counter =
    openMetrics && name.endsWith('_total') ? metrics.get(name.slice(0, -'_total'.length)) : undefined
  if (counter?.type === 'counter') return { metric: counter, metricName: name }
  let metric = metrics.get(name)
  if (!metric) {
    metric = { name, type: undefined, help: '', values: [] }
    metrics.set(name, metric)
  }
  return { metric }
}

function numberOf(text: string): number {
  const infinite = /^([+-]?)inf(inity)?$/i.exec(text)
  if (infinite) return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return Number(text)
}

const unescaped = (text: string) =>
  text.includes('\\') ? text.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)) : text

const quote = (line: string) => JSON.stringify(line.slice(0, 100))
