import { runInSlices, runNow, type Steps } from '../../shared/base/steps.js'
import type { Limits } from '../../shared/metrics/limits.js'
import type { Exposition, Label } from '../../shared/metrics/model.js'
import { ProtobufRefused } from '../../shared/metrics/protobuf/refusal.js'
import { ExpositionRefused } from '../../shared/metrics/text/refusal.js'
import type { PushedFamily } from '../state/types.js'
import { type BodyFormat, BodyReader } from './body-reader.js'
import { type FamilyPlan, planFamilies } from './family-plan.js'
import { InconsistentPush, RefusedPush } from './refused-push.js'
import { SeriesWriter } from './series-writer.js'

export interface PushReaderOptions {
  readonly limits: Limits
  /** Whether names may have characters outside the legacy character set. */
  readonly utf8Names: boolean
}

/** Bodies that are read without yielding the event loop: it takes less than a millisecond. */
const SHORT_BODY = 16 * 1024
const FAMILIES_PER_STEP = 1000

/**
 * Reads the bodies that are pushed to one push group, or ingested. What depends on names and labels
 * is kept from one body to the next.
 */
export class PushReader {
  /** Of this push group only; undefined while the shared one is enough. */
  #own: BodyReader | undefined
  /** The reader of the body for which the plans were made. */
  #planned: BodyReader | undefined
  /** The layout of that body. */
  #layout = 0
  #plans: readonly FamilyPlan[] = []

  /**
   * @param grouping sorted by name; null for series that are ingested
   * @param shared reader of similar push groups. When it has read another layout meanwhile, the push
   *   group gets a reader of its own
   */
  constructor(
    private readonly grouping: readonly Label[] | null,
    private readonly format: BodyFormat,
    private readonly options: PushReaderOptions,
    private readonly shared = new BodyReader(format, options.limits),
  ) {}

  /** Estimate of the memory that is kept for the next body without the shared reader, bytes. */
  get retainedBytes(): number {
    let bytes = this.#own?.retainedBytes ?? 0
    for (const { series } of this.#plans) bytes += series.length
    return bytes
  }

  /**
   * @throws RefusedPush
   */
  async read(body: Buffer): Promise<PushedFamily[]> {
    try {
      const steps = this.readInSteps(body)
      return body.length <= SHORT_BODY ? runNow(steps) : await runInSlices(steps)
    } catch (error) {
      throw asRefusal(error, this.format)
    }
  }

  *readInSteps(body: Buffer): Steps<PushedFamily[]> {
    const reader = this.#own ?? this.shared
    const { exposition, layout } = yield* reader.readInSteps(body)
    if (hasTimestamp(exposition))
      throw new InconsistentPush('timestamp', 'pushed metrics must not have timestamps')
    const { families, values } = exposition
    let plans = this.#plans
    if (reader !== this.#planned || layout !== this.#layout) {
      plans = yield* planFamilies(families, {
        writer: new SeriesWriter(this.grouping),
        utf8Names: this.options.utf8Names,
        completes: this.grouping !== null,
      })
      if (this.#planned === this.shared)
        this.#own = new BodyReader(this.format, this.options.limits)
      this.#planned = reader
      this.#layout = layout
      this.#plans = plans
    }
    const pushed: PushedFamily[] = []
    for (const plan of plans)
      if (pushed.push(familyOf(plan, values)) % FAMILIES_PER_STEP === 0) yield
    return pushed
  }
}

function familyOf(
  { name, type, help, series, count, from, sources }: FamilyPlan,
  values: Float64Array,
): PushedFamily {
  if (!sources) return { name, type, help, series, values: values.subarray(from, from + count) }
  const own = new Float64Array(count)
  for (let i = 0; i < count; i++) if (sources[i] >= 0) own[i] = values[from + sources[i]]
  return { name, type, help, series, values: own }
}

function hasTimestamp({ timestamps }: Exposition): boolean {
  return timestamps?.some(timestamp => !Number.isNaN(timestamp)) ?? false
}

function asRefusal(error: unknown, format: BodyFormat): unknown {
  if (!(error instanceof ExpositionRefused || error instanceof ProtobufRefused)) return error
  const isLimit = error.reason === 'limit'
  return new RefusedPush(
    isLimit ? 413 : 400,
    isLimit ? 'limit' : 'format',
    `${format} format parsing error in ${error.message}`,
  )
}
