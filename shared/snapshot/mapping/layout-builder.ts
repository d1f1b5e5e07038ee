import { sortSteps } from '../../base/sort-steps.js'
import type { Steps } from '../../base/steps.js'
import { cleanedTo, isText } from '../../metrics/clean-text.js'
import type { FamilyType, LayoutFamily, LayoutSeries, Suffix } from '../../metrics/layout.js'
import { numberLabelOf } from '../../metrics/layout.js'
import { DEFAULT_LIMITS } from '../../metrics/limits.js'
import type { Label } from '../../metrics/model.js'
import { SeriesSet } from '../series-set.js'
import { comparePlaces, type FamilyPlace, placeOf } from './family-order.js'
import { LabelRules } from './label-rules.js'
import type { Drop, DropReason, Mapping } from './mapping.js'

/** A family of the layout without its series. */
export interface FamilyHead {
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  readonly unit: string
}

/** A family of the layout under construction. */
class FamilyDraft {
  readonly series: LayoutSeries[] = []
  /** Index in the source of each series. */
  readonly sources: number[] = []
  /** Maximum size in a layout, bytes. */
  bytes = 0
  readonly place: FamilyPlace

  constructor(
    readonly head: FamilyHead,
    /** The first metric with series of this family. */
    readonly metric: string,
  ) {
    this.place = placeOf(head.name)
  }
}

/** Reserve for the suffix of samples. */
const LONGEST_SUFFIX = '_bucket'.length
/** Maximum size of a series in a layout without its labels: suffix, count and end of the list. */
const SERIES_BYTES = 12

const TOO_LARGE: Drop = {
  reason: 'limit',
  message: `its labels take more than ${DEFAULT_LIMITS.bytes} bytes; use fewer or shorter labels`,
}

/**
 * Builds a layout from series with arbitrary names and labels. Series that an exposer would refuse
 * are dropped and counted, because it would refuse the whole snapshot: one invalid metric must not
 * silence a target. The rules hold for every source; `registry.ts` and `exposition.ts` only choose
 * family and suffix of a series. Series are added in the order of their sources.
 */
export class LayoutBuilder {
  readonly #drafts = new Map<string, FamilyDraft>()
  /**
   * Family of each sample name. Two families must not share one, because they may be in two parts.
   */
  readonly #owners = new Map<string, string>()
  readonly #seen: SeriesSet
  readonly #labels = new LabelRules(DEFAULT_LIMITS)
  readonly #order: Int32Array
  readonly #dropped = new Map<string, string>()
  readonly #droppedSeries = new Map<DropReason, number>()
  /** Number of series of the sources that were added or dropped. */
  #at = 0
  #carried = 0

  /**
   * @param series number of series of all sources
   * @param without families of the layout to drop, with the reason
   */
  constructor(
    series: number,
    private readonly without: ReadonlyMap<string, string>,
  ) {
    this.#order = new Int32Array(series).fill(-1)
    this.#seen = new SeriesSet(Math.min(series, DEFAULT_LIMITS.samples))
  }

  /** Why all series of a family are dropped, or undefined. */
  refusalOf({ name }: FamilyHead): Drop | undefined {
    const excluded = this.without.get(name)
    if (excluded) return { reason: 'limit', message: excluded }
    if (name === '') return { reason: 'layout', message: 'it has no name; name it' }
    if (!isText(name))
      return { reason: 'layout', message: 'its name contains a NUL or a lone surrogate; rename it' }
    if (Buffer.byteLength(name) > DEFAULT_LIMITS.nameBytes - LONGEST_SUFFIX)
      return {
        reason: 'limit',
        message: `its name has more than ${DEFAULT_LIMITS.nameBytes - LONGEST_SUFFIX} bytes; shorten it`,
      }
    return undefined
  }

  /**
   * Drops the next series of the sources.
   *
   * @param metric name of the metric in the source
   */
  drop(metric: string, drop: Drop, series = 1): void {
    this.#at += series
    this.#countDropped(metric, drop, series)
  }

  /**
   * Adds the next series of the sources, or drops it.
   *
   * @param metric name of the metric in the source
   * @param head a family without a refusal by `refusalOf`
   * @param labels sorted
   */
  add(metric: string, head: FamilyHead, suffix: Suffix, labels: readonly Label[]): void {
    const drop = this.#tryToAdd(metric, head, suffix, labels)
    if (drop) this.#countDropped(metric, drop, 1)
    this.#at++
  }

  #countDropped(metric: string, { reason, message }: Drop, series: number): void {
    this.#dropped.set(metric, message)
    if (series > 0) this.#droppedSeries.set(reason, (this.#droppedSeries.get(reason) ?? 0) + series)
  }

  #tryToAdd(
    metric: string,
    head: FamilyHead,
    suffix: Suffix,
    labels: readonly Label[],
  ): Drop | undefined {
    const { name, type } = head
    let draft = this.#drafts.get(name)
    if (draft && draft.head.type !== type)
      return {
        reason: 'layout',
        message: 'another metric with that name has another type; rename one of them',
      }
    if (draft && draft.bytes > DEFAULT_LIMITS.bytes) return TOO_LARGE
    const carried = this.#labels.apply(labels, numberLabelOf(type, suffix))
    if ('message' in carried) return carried
    if (this.#carried === DEFAULT_LIMITS.samples)
      return {
        reason: 'limit',
        message: `the snapshot has more than ${DEFAULT_LIMITS.samples} series; expose fewer`,
      }
    const sampleName = name + suffix
    const owner = this.#owners.get(sampleName)
    if (owner !== undefined && owner !== name)
      return {
        reason: 'duplicate_series',
        message: `metric ${owner} has series with the name ${sampleName}; rename one of them`,
      }
    if (!this.#seen.add(sampleName, carried))
      return {
        reason: 'duplicate_series',
        message: 'a series appears twice; sum both, or remove one',
      }
    if (owner === undefined) this.#owners.set(sampleName, name)
    this.#carried++
    if (!draft) {
      draft = new FamilyDraft(head, metric)
      this.#drafts.set(name, draft)
    }
    draft.series.push({ suffix, labels: carried })
    draft.sources.push(this.#at)
    draft.bytes += SERIES_BYTES + this.#labels.bytes
    return undefined
  }

  *finish(): Steps<Mapping> {
    const drafts = yield* sortSteps([...this.#drafts.values()], (a, b) =>
      comparePlaces(a.place, b.place),
    )
    let index = 0
    const families: LayoutFamily[] = []
    for (const { head, metric, series, sources, bytes } of drafts) {
      if (bytes > DEFAULT_LIMITS.bytes) {
        this.#countDropped(metric, TOO_LARGE, series.length)
        continue
      }
      for (const at of sources) this.#order[at] = index++
      const { name, type, unit } = head
      const help = cleanedTo(DEFAULT_LIMITS.valueBytes, head.help)
      families.push({ name, type, help, unit: isUnit(unit) ? unit : '', series })
      if (families.length % FAMILIES_PER_STEP === 0) yield
    }
    return {
      layout: { families },
      order: this.#order,
      series: index,
      dropped: this.#dropped,
      droppedSeries: this.#droppedSeries,
    }
  }
}

const FAMILIES_PER_STEP = 200

/** Invalid units are dropped: the unit is also part of the name. */
const isUnit = (unit: string) => isText(unit) && Buffer.byteLength(unit) <= DEFAULT_LIMITS.nameBytes
