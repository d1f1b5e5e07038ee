import type { RequestColumns } from './columns.js'
import {
  HELP_REF,
  LABELS_REFS,
  METADATA,
  SAMPLES,
  TIMESERIES,
  TYPE,
  UNIT_REF,
} from './fields-v2.js'
import type { WriteLimits } from './limits.js'
import { WRITE_TYPES } from './request.js'
import { TIMESTAMP, VALUE } from './sample.js'
import { isTime, TIME_BYTES, timeOf } from './times.js'

/** Bytes of a value, and of a timestamp, each with its key. */
const VALUE_FIELD = 9
const TIME_FIELD = 1 + TIME_BYTES

/**
 * Reads series of protocol 2.0 as senders write them: packed references of one or two bytes,
 * samples with recent times, metadata, and lengths of one byte, or two for a series. Everything else
 * is left to `RequestV2`, which reads any message.
 *
 * It is one function, with everything in local variables, because it reads nearly all bytes of all
 * requests.
 */
export class UsualSeries {
  readonly #view: DataView
  /** The largest reference. */
  maxRef = 0

  constructor(
    private readonly bytes: Buffer,
    private readonly columns: RequestColumns,
    private readonly limits: WriteLimits,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /**
   * Reads series from `at` on until `stop` or little more.
   *
   * @returns the offset of the first message that is something else, or does not fit the columns
   */
  read(at: number, stop: number): number {
    const { bytes, columns, limits } = this
    const view = this.#view
    const { labelRefs, labelsFrom, samplesFrom, histogramsFrom, exemplarsFrom } = columns
    const { valueAt, timestamps, sampleRanges, types, helpRefs, unitRefs, createdAt } = columns
    const { histograms, exemplars } = columns
    const maxSeries = Math.min(limits.series, types.length - 1)
    const maxSamples = Math.min(limits.samples - histograms, valueAt.length)
    const maxRefs = Math.min(2 * limits.totalLabels, labelRefs.length)
    const end = bytes.length
    let { series, samples, labelRefCount, newestTime } = columns
    let max = this.maxRef
    let lastLow = 0
    let lastHigh = 0
    let time = 0
    while (at < stop && series < maxSeries && bytes[at] === TIMESERIES && at + 2 < end) {
      let length = bytes[at + 1]
      let from = at + 2
      if (length >= 0x80) {
        length = (length & 0x7f) | (bytes[from++] << 7)
        // Three bytes or more.
        if (length >= 0x4000) break
      }
      const seriesEnd = from + length
      if (seriesEnd > end) break
      let refs = labelRefCount
      let count = samples
      let type = 0
      let help = 0
      let unit = 0
      const refsEnd = Math.min(maxRefs, refs + 2 * limits.labels)
      while (from + 1 < seriesEnd) {
        const key = bytes[from]
        const itemEnd = from + 2 + bytes[from + 1]
        if (bytes[from + 1] >= 0x80 || itemEnd > seriesEnd) break
        let i = from + 2
        if (key === SAMPLES) {
          if (count >= maxSamples) break
          let value = -1
          if (bytes[i] === VALUE && i + VALUE_FIELD <= itemEnd) {
            value = i + 1
            i += VALUE_FIELD
          }
          if (bytes[i] !== TIMESTAMP || i + TIME_FIELD !== itemEnd) break
          const low = view.getInt32(i + 1, true)
          const high = view.getUint16(i + 5, true)
          if (low !== lastLow || high !== lastHigh) {
            if (!isTime(low, high)) break
            lastLow = low
            lastHigh = high
            time = timeOf(low, high)
            if (time > newestTime) newestTime = time
          }
          valueAt[count] = value
          timestamps[count] = time
          sampleRanges[2 * count] = from + 2
          sampleRanges[2 * count + 1] = itemEnd
          count++
        } else if (key === LABELS_REFS) {
          while (i < itemEnd && refs < refsEnd) {
            let ref = bytes[i++]
            if (ref >= 0x80) {
              ref = (ref & 0x7f) | (bytes[i++] << 7)
              if (ref >= 0x4000) break
            }
            if (ref > max) max = ref
            labelRefs[refs++] = ref
          }
          if (i !== itemEnd) break
        } else if (key === METADATA) {
          while (i + 1 < itemEnd) {
            const field = bytes[i]
            let number = bytes[i + 1]
            i += 2
            if (number >= 0x80) {
              number = (number & 0x7f) | (bytes[i++] << 7)
              if (number >= 0x4000) break
            }
            if (field === TYPE) type = number < WRITE_TYPES.length ? number : 0
            else if (field === HELP_REF) help = number
            else if (field === UNIT_REF) unit = number
            else break
          }
          if (i !== itemEnd) break
          if (help > max) max = help
          if (unit > max) max = unit
        } else break
        from = itemEnd
      }
      if (from !== seriesEnd || (refs - labelRefCount) % 2 === 1) break
      labelsFrom[series] = labelRefCount
      samplesFrom[series] = samples
      histogramsFrom[series] = histograms
      exemplarsFrom[series] = exemplars
      types[series] = type
      helpRefs[series] = help
      unitRefs[series] = unit
      createdAt[series] = 0
      series++
      samples = count
      labelRefCount = refs
      at = seriesEnd
    }
    this.maxRef = max
    columns.series = series
    columns.samples = samples
    columns.labelRefCount = labelRefCount
    columns.newestTime = newestTime
    return at
  }
}
