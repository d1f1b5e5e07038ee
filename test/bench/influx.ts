import type { Encode } from './backlog.js'

/**
 * A collection of an app in influx line protocol, as wide as it gets: one line with one field per
 * series and the labels of the target as its only tags. Everything that a label of a series says is
 * in the name of its field. The parser of Telegraf reads this faster than a line per series.
 */
export const encodeInflux: Encode = ({ labels }, { collectedAt, values }) => {
  const tags = labels.map(({ name, value }) => `,${name}=${value}`).join('')
  const fields = Array.from(values, (value, i) => `${fieldOf(i)}=${value}`).join(',')
  // Telegraf exposes the measurement `prometheus` without a prefix.
  return Buffer.from(`prometheus${tags} ${fields} ${collectedAt}000000`)
}

const fieldOf = (series: number) => `service_series_${String(series).padStart(4, '0')}`
