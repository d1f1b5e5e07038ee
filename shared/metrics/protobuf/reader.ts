import { quote } from '../../base/quote.js'
import { runNow, type Steps } from '../../base/steps.js'
import { DEFAULT_LIMITS, type Limits } from '../limits.js'
import type { Exposition, Family, Series } from '../model.js'
import { sameFamilies } from '../text/same-families.js'
import { Columns } from './columns.js'
import { HISTOGRAM, MetricDraft, SUMMARY } from './draft.js'
import { type FamilyDraft, type FamilyHead, findFamilies } from './family.js'
import { readMetric } from './metric.js'
import { SeriesBuilder } from './series.js'
import { isFamilyAt, type Shape, ShapeTape } from './shape.js'
import { WireReader } from './wire.js'

/** Bytes read and series built between two steps. */
const BYTES_PER_STEP = 16 * 1024
const SERIES_PER_STEP = 200

/**
 * Reads the protobuf exposition format: length-delimited messages of
 * `io.prometheus.client.MetricFamily` (content type `application/vnd.google.protobuf;
 * proto=io.prometheus.client.MetricFamily; encoding=delimited`).
 *
 * Returns the same families as the text reader for the same metrics: names are spelled as in text
 * 0.0.4, `le` and `quantile` as printed by Go. Duplicate series are kept. Native histograms are
 * left out and counted (`native_histogram`); their classic buckets are kept. Exemplars that are too
 * long are left out and counted (`exemplar_too_long`). Created timestamps are ignored, since text
 * has none.
 *
 * Use one reader per source: it keeps the families of the last body, and reads only values while
 * nothing else has changed.
 */
export class ProtobufReader {
  #shape: Shape | null = null

  constructor(private readonly limits: Limits = DEFAULT_LIMITS) {}

  /** Memory kept for the last body, not counting its families. */
  get retainedBytes(): number {
    return this.#shape?.tape.size ?? 0
  }

  /**
   * Reads a body synchronously.
   *
   * @throws ProtobufRefused if the body is invalid
   */
  read(body: Buffer): Exposition {
    return runNow(this.readInSteps(body))
  }

  /** As `read`, in steps. The body must not change in between. */
  *readInSteps(body: Buffer): Steps<Exposition> {
    const wire = new WireReader(body)
    const drafts = yield* findFamilies(wire, this.limits)
    const shape = this.#shape
    if (shape && shape.heads.length === drafts.size) {
      const unchanged = yield* new BodyReading(wire, this.limits, shape.series).numbers(
        drafts.values(),
        shape,
      )
      if (unchanged) return unchanged
    }
    const reading = new BodyReading(wire, this.limits, shape?.series ?? 0)
    const made = yield* reading.all(drafts.values())
    // The same families may be written otherwise: labels in another order, for example.
    const isSame = shape && (yield* sameFamilies(shape.families, made.shape.families))
    const families = isSame ? shape.families : made.shape.families
    this.#shape = { ...made.shape, families }
    return { ...made.exposition, families }
  }
}

/** One pass over the metrics of a body. */
class BodyReading {
  readonly #draft: MetricDraft
  readonly #columns: Columns
  readonly #omitted = new Map<string, number>()

  constructor(
    private readonly wire: WireReader,
    private readonly limits: Limits,
    series: number,
  ) {
    this.#draft = new MetricDraft(wire, limits.samples)
    this.#columns = new Columns(series, limits.samples)
  }

  /**
   * Reads only values, with the families of the previous body.
   *
   * @returns null if the families have changed
   */
  *numbers(drafts: Iterable<FamilyDraft>, shape: Shape): Steps<Exposition | null> {
    const { tape, families } = shape
    let position = 0
    let index = 0
    let bytes = 0
    for (const family of drafts) {
      if (!isFamilyAt(shape, index++, family)) return null
      const { metrics } = family
      for (let i = 0; i < metrics.length; i += 2) {
        this.#readMetric(family, metrics[i], metrics[i + 1])
        position = tape.match(position, this.wire.bytes, this.#draft)
        if (position < 0) return null
        this.#addNumbers(family)
        bytes += metrics[i + 1] - metrics[i]
        if (bytes < BYTES_PER_STEP) continue
        bytes = 0
        yield
      }
    }
    return this.#exposition(families)
  }

  /** Reads families and values. */
  *all(
    drafts: Iterable<FamilyDraft>,
  ): Steps<{ readonly shape: Shape; readonly exposition: Exposition }> {
    const builder = new SeriesBuilder(this.wire, this.limits)
    const tape = new ShapeTape()
    const families: Family[] = []
    const heads: FamilyHead[] = []
    const counts: number[] = []
    let bytes = 0
    let built = 0
    for (const family of drafts) {
      const { name, help, unit, kind, metrics } = family
      const series: Series[] = []
      for (let i = 0; i < metrics.length; i += 2) {
        this.#readMetric(family, metrics[i], metrics[i + 1])
        tape.record(this.wire.bytes, this.#draft)
        this.#addNumbers(family)
        builder.begin(kind.type, this.#draft, metrics[i])
        for (const item of seriesOf(family, this.#draft, builder)) {
          series.push(item)
          if (++built % SERIES_PER_STEP === 0) yield
        }
        bytes += metrics[i + 1] - metrics[i]
        if (bytes < BYTES_PER_STEP) continue
        bytes = 0
        yield
      }
      families.push({ name, type: kind.type, help, unit, series })
      heads.push({ name, help, unit, kind })
      counts.push(metrics.length)
    }
    const shape = { heads, counts, tape, families, series: this.#columns.length }
    return { shape, exposition: this.#exposition(families) }
  }

  #exposition(families: readonly Family[]): Exposition {
    return { families, ...this.#columns.finish(), omitted: this.#omitted }
  }

  #readMetric({ name, kind }: FamilyDraft, from: number, to: number): void {
    const draft = this.#draft
    readMetric(this.wire, from, to, draft, this.limits)
    if ((draft.kinds >>> kind.field) & 1) return
    this.wire.refuse(
      'value',
      `metric family ${quote(name)} is a ${kind.type}, and one of its metrics has no value of that type`,
      from,
    )
  }

  #addNumbers({ kind }: FamilyDraft): void {
    const columns = this.#columns
    const { value, timestamp, exemplar, sum, count, values, exemplars } = this.#draft
    if (this.#draft.longExemplars > 0) this.#omit('exemplar_too_long', this.#draft.longExemplars)
    if (this.#draft.native) this.#omit('native_histogram', 1)
    if (kind.field !== HISTOGRAM && kind.field !== SUMMARY) columns.add(value, timestamp, exemplar)
    else if (isClassic(this.#draft)) {
      for (let i = 0; i < values.length; i++)
        columns.add(values[i], timestamp, exemplars[i] ?? null)
      if (needsInfinity(kind.field, this.#draft)) columns.add(count, timestamp, null)
      columns.add(sum, timestamp, null)
      columns.add(count, timestamp, null)
    }
    if (columns.exceedsLimit)
      this.wire.refuse('limit', `more than ${this.limits.samples} series; expose fewer`)
  }

  #omit(reason: string, count: number): void {
    this.#omitted.set(reason, (this.#omitted.get(reason) ?? 0) + count)
  }
}

/** A native histogram without classic buckets has no series. */
const isClassic = ({ native, bounds }: MetricDraft) => !native || bounds.length > 0

/** The input may omit the bucket `+Inf`, whose value is the count. */
const needsInfinity = (field: number, { bounds }: MetricDraft) =>
  field === HISTOGRAM && !bounds.includes(Infinity)

/** Yields the series of a metric, in the order in which `#addNumbers` adds their values. */
function* seriesOf(
  { kind }: FamilyDraft,
  draft: MetricDraft,
  builder: SeriesBuilder,
): Generator<Series> {
  if (kind.field !== HISTOGRAM && kind.field !== SUMMARY) {
    yield builder.plain('')
    return
  }
  if (!isClassic(draft)) return
  const suffix = kind.field === HISTOGRAM ? '_bucket' : ''
  for (const bound of draft.bounds) yield builder.bounded(suffix, bound)
  if (needsInfinity(kind.field, draft)) yield builder.bounded(suffix, Infinity)
  yield builder.plain('_sum')
  yield builder.plain('_count')
}
