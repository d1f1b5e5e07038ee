import type { LabelMap } from '../../../shared/metrics/relabel/relabel.js'
import type { ScrapeLimits } from '../config/job.js'

const cut = (text: string) => text.slice(0, 50)

/**
 * The limit that the labels of a series exceed, in Prometheus's words, or undefined.
 *
 * @param labels with `__name__`
 */
export function exceededLabelLimit(labels: LabelMap, limits: ScrapeLimits): string | undefined {
  const metric = cut(labels.get('__name__') ?? '')
  if (limits.labels > 0 && labels.size > limits.labels)
    return `label_limit exceeded (metric: ${metric}, number of labels: ${labels.size}, limit: ${limits.labels})`
  if (limits.labelNameBytes === 0 && limits.labelValueBytes === 0) return undefined
  for (const [name, value] of labels) {
    const nameBytes = Buffer.byteLength(name)
    if (limits.labelNameBytes > 0 && nameBytes > limits.labelNameBytes)
      return `label_name_length_limit exceeded (metric: ${metric}, label name: ${cut(name)}, length: ${nameBytes}, limit: ${limits.labelNameBytes})`
    const valueBytes = Buffer.byteLength(value)
    if (limits.labelValueBytes > 0 && valueBytes > limits.labelValueBytes)
      return `label_value_length_limit exceeded (metric: ${metric}, label name: ${cut(name)}, value: ${JSON.stringify(cut(value))}, length: ${valueBytes}, limit: ${limits.labelValueBytes})`
  }
  return undefined
}
