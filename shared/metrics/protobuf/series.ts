import { quote } from '../../base/quote.js'
import { goFloat, openMetricsFloat } from '../go-float.js'
import { compareUtf8 } from '../labels.js'
import type { Limits } from '../limits.js'
import type { Label, MetricType, SampleSuffix, Series } from '../model.js'
import type { MetricDraft } from './draft.js'
import { readLabel } from './label.js'
import type { WireReader } from './wire.js'

/** Makes the series of metrics, with one object for each label. */
export class SeriesBuilder {
  readonly #labels = new Map<string, Label>()
  readonly #bounds = new Map<string, Label>()
  /** Of the metric that was begun last, sorted. */
  #own: Label[] = []
  #type: MetricType = 'unknown'
  /** The name of the label with the bound, and where among the others it stands. */
  #boundName: 'le' | 'quantile' = 'le'
  #boundAt = 0

  constructor(
    private readonly wire: WireReader,
    private readonly limits: Limits,
  ) {}

  /** @param offset of the metric, for messages */
  begin(type: MetricType, { labels, bounds }: MetricDraft, offset: number): void {
    const own: Label[] = []
    for (let i = 0; i < labels.length; i += 2) own.push(this.#label(labels[i], labels[i + 1]))
    if (own.length > 1) own.sort((a, b) => compareUtf8(a.name, b.name))
    for (let i = 1; i < own.length; i++)
      if (own[i - 1].name === own[i].name) this.#refuseTwice(own[i], offset)
    this.#own = own
    this.#type = type
    if (type !== 'summary' && type !== 'histogram' && type !== 'gaugehistogram') return
    const name = type === 'summary' ? 'quantile' : 'le'
    this.#boundName = name
    const at = own.findIndex(label => compareUtf8(label.name, name) >= 0)
    this.#boundAt = at < 0 ? own.length : at
    const taken = own[this.#boundAt]
    if (taken?.name === name && (bounds.length > 0 || type !== 'summary')) this.#refuseTwice(taken, offset)
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
    // Text 0.0.4 has no gauge histograms: the spelling is that of OpenMetrics, as Prometheus has it.
    const value = this.#type === 'gaugehistogram' ? openMetricsFloat(bound) : goFloat(bound)
    const key = this.#boundName + value
    let label = this.#bounds.get(key)
    if (!label) {
      label = { name: this.#boundName, value }
      this.#bounds.set(key, label)
    }
    return label
  }

  #refuseTwice({ name }: Label, offset: number): never {
    this.wire.refuse('duplicate', `a metric has label ${quote(name)} twice; remove one`, offset)
  }
}
