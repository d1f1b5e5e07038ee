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

/** Bytes that are read, and series that are made, between two steps. */
const BYTES_A_STEP = 16 * 1024
const SERIES_A_STEP = 200

/**
 * Reads the protobuf exposition format: messages of `io.prometheus.client.MetricFamily`, the length
 * of each before it (content type `application/vnd.google.protobuf;
 * proto=io.prometheus.client.MetricFamily; encoding=delimited`).
 *
 * Gives the families that the text reader gives for the same metrics: names as text 0.0.4 spells
 * them, `le` and `quantile` as Go prints them. Series that come twice stay twice. Native histograms
 * are left out and counted (`native_histogram`), with their classic buckets kept; so are exemplars
 * that are too long (`exemplar_too_long`). Created timestamps are not read, as text has none.
 *
 * One reader for each source: it remembers the last body's families, and reads only numbers while
 * nothing else has changed.
 */
export class ProtobufReader {
  #shape: Shape | null = null

  constructor(private readonly limits: Limits = DEFAULT_LIMITS) {}

  /** Bytes that are kept of the last body, its families aside. */
  get retainedBytes(): number {
    return this.#shape?.tape.size ?? 0
  }

  /**
   * Reads a body at once.
   *
   * @throws ProtobufRefused for a body that cannot be read, and nothing else
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
      const known = yield* new BodyReading(wire, this.limits, shape.series).numbers(drafts.values(), shape)
      if (known) return known
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
   * The numbers only, with the families of the body before. @returns null when something else has
   * changed
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
        if (bytes < BYTES_A_STEP) continue
        bytes = 0
        yield
      }
    }
    return this.#exposition(families)
  }

  *all(drafts: Iterable<FamilyDraft>): Steps<{ readonly shape: Shape; readonly exposition: Exposition }> {
    const builder = new SeriesBuilder(this.wire, this.limits)
    const tape = new ShapeTape()
    const families: Family[] = []
    const heads: FamilyHead[] = []
    const counts: number[] = []
    let bytes = 0
    let made = 0
    for (const family of drafts) {
      const { name, help, unit, kind, metrics } = family
      const series: Series[] = []
      for (let i = 0; i < metrics.length; i += 2) {
        this.#readMetric(family, metrics[i], metrics[i + 1])
        tape.record(this.wire.bytes, this.#draft)
        this.#addNumbers(family)
        builder.begin(kind.type, this.#draft, metrics[i])
        for (const one of seriesOf(family, this.#draft, builder)) {
          series.push(one)
          if (++made % SERIES_A_STEP === 0) yield
        }
        bytes += metrics[i + 1] - metrics[i]
        if (bytes < BYTES_A_STEP) continue
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
      for (let i = 0; i < values.length; i++) columns.add(values[i], timestamp, exemplars[i] ?? null)
      if (needsInfinity(kind.field, this.#draft)) columns.add(count, timestamp, null)
      columns.add(sum, timestamp, null)
      columns.add(count, timestamp, null)
    }
    if (columns.isFull) this.wire.refuse('limit', `more than ${this.limits.samples} series; expose fewer`)
  }

  #omit(reason: string, count: number): void {
    this.#omitted.set(reason, (this.#omitted.get(reason) ?? 0) + count)
  }
}

/** A native histogram without buckets has no series. */
const isClassic = ({ native, bounds }: MetricDraft) => !native || bounds.length > 0

/** The bucket of infinity may be left out: it has what `count` has. */
const needsInfinity = (field: number, { bounds }: MetricDraft) =>
  field === HISTOGRAM && !bounds.includes(Infinity)

/** In the order in which their numbers are added. */
function* seriesOf({ kind }: FamilyDraft, draft: MetricDraft, builder: SeriesBuilder): Generator<Series> {
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
