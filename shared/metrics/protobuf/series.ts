import { quote } from '../../base/quote.js'
import { goFloat, openMetricsFloat } from '../go-float.js'
import { compareUtf8 } from '../labels.js'
import type { Limits } from '../limits.js'
import type { Label, MetricType, SampleSuffix, Series } from '../model.js'
import type { MetricDraft } from './draft.js'
import { readLabel } from './label.js'
import type { WireReader } from './wire.js'

/** Builds the series of metrics. Equal labels share one object. */
export class SeriesBuilder {
  readonly #labels = new Map<string, Label>()
  readonly #bounds = new Map<string, Label>()
  /** Labels of the current metric, sorted. */
  #own: Label[] = []
  #type: MetricType = 'unknown'
  /** Name of the label with the bound, and its index among the labels of the current metric. */
  #boundName: 'le' | 'quantile' = 'le'
  #boundAt = 0

  constructor(
    private readonly wire: WireReader,
    private readonly limits: Limits,
  ) {}

  /** Starts a metric. @param offset its offset, for error messages */
  begin(type: MetricType, { labels, bounds }: MetricDraft, offset: number): void {
    const own: Label[] = []
    for (let i = 0; i < labels.length; i += 2) own.push(this.#label(labels[i], labels[i + 1]))
    if (own.length > 1) own.sort((a, b) => compareUtf8(a.name, b.name))
    for (let i = 1; i < own.length; i++)
      if (own[i - 1].name === own[i].name) this.#refuseDuplicate(own[i], offset)
    this.#own = own
    this.#type = type
    if (type !== 'summary' && type !== 'histogram' && type !== 'gaugehistogram') return
    const name = type === 'summary' ? 'quantile' : 'le'
    this.#boundName = name
    const at = own.findIndex(label => compareUtf8(label.name, name) >= 0)
    this.#boundAt = at < 0 ? own.length : at
    const existing = own[this.#boundAt]
    if (existing?.name === name && (bounds.length > 0 || type !== 'summary'))
      this.#refuseDuplicate(existing, offset)
  }

  plain(suffix: SampleSuffix): Series {
    return { suffix, labels: this.#own }
  }

  bounded(suffix: SampleSuffix, bound: number): Series {
    const own = this.#own
    const at = this.#boundAt
    const labels = new Array<Label>(own.length + 1)
    for (let i = 0; i < at; i++) labels[i] = own[i]
    labels[at] = this.#bound(bound)
    for (let i = at; i < own.length; i++) labels[i + 1] = own[i]
    return { suffix, labels }
  }

  #label(from: number, to: number): Label {
    const key = this.wire.bytes.toString('latin1', from, to)
    let label = this.#labels.get(key)
    if (!label) {
      this.wire.at = from
      label = readLabel(this.wire, to, this.limits)
      this.#labels.set(key, label)
    }
    return label
  }

  #bound(bound: number): Label {
    // Text 0.0.4 has no gauge histograms. Prometheus spells their bounds as in OpenMetrics.
    const value = this.#type === 'gaugehistogram' ? openMetricsFloat(bound) : goFloat(bound)
    const key = this.#boundName + value
    let label = this.#bounds.get(key)
    if (!label) {
      label = { name: this.#boundName, value }
      this.#bounds.set(key, label)
    }
    return label
  }

  #refuseDuplicate({ name }: Label, offset: number): never {
    this.wire.refuse('duplicate', `a metric has label ${quote(name)} twice; remove one`, offset)
  }
}
