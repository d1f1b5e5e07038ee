import { sortSteps } from '../../base/sort-steps.js'
import type { Steps } from '../../base/steps.js'
import { cleanedTo, isText } from '../../metrics/clean-text.js'
import type { FamilyType, LayoutFamily, LayoutSeries, Suffix } from '../../metrics/layout.js'
import { numberLabelOf } from '../../metrics/layout.js'
import { DEFAULT_LIMITS } from '../../metrics/limits.js'
import type { Label } from '../../metrics/model.js'
import { SeriesSet } from '../series-set.js'
import { LabelRules } from './label-rules.js'
import type { Drop, DropReason, Mapping } from './mapping.js'

/** A family of the layout, without its series. */
export interface FamilyHead {
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  readonly unit: string
}

/** A family of the layout in the making. */
class FamilyDraft {
  readonly series: LayoutSeries[] = []
  /** Which series of the source each of them is. */
  readonly sources: number[] = []
  /** What it takes in a layout, at most. */
  bytes = 0

  constructor(
    readonly head: FamilyHead,
    /** The first metric that had series of it. */
    readonly metric: string,
  ) {}
}

/** For the suffix that the written formats add. */
const LONGEST_SUFFIX = '_bucket'.length
/**
 * What a series takes in a layout beside its labels, at most: suffix, count and end of the list.
 */
const SERIES_BYTES = 12

const TOO_LARGE: Drop = {
  reason: 'limit',
  message: `its labels take more than ${DEFAULT_LIMITS.bytes} bytes`,
}

/**
 * Makes a layout of series that anybody may have named. What an exposer would refuse is left out
 * and counted, because it would refuse the whole snapshot: one bad metric must not silence a
 * target. These rules hold for every source; `registry.ts` and `exposition.ts` only say which
 * family and suffix a series has. Series are added in the order of their sources.
 */
export class LayoutBuilder {
  readonly #drafts = new Map<string, FamilyDraft>()
  /**
   * Which family the samples of a name belong to: of two families, one would be lost where a
   * snapshot is split.
   */
  readonly #owners = new Map<string, string>()
  readonly #seen: SeriesSet
  readonly #labels = new LabelRules(DEFAULT_LIMITS)
  readonly #order: Int32Array
  readonly #dropped = new Map<string, string>()
  readonly #droppedSeries = new Map<DropReason, number>()
  /** Series of the sources that were added or dropped so far. */
  #at = 0
  #carried = 0

  /**
   * @param series of all sources
   * @param without families of the layout to leave out, and why
   */
  constructor(
    series: number,
    private readonly without: ReadonlyMap<string, string>,
  ) {
    this.#order = new Int32Array(series).fill(-1)
    this.#seen = new SeriesSet(Math.min(series, DEFAULT_LIMITS.samples))
  }

  /** Why all series of a family are left out, if they are. */
  refusalOf({ name }: FamilyHead): Drop | undefined {
    const excluded = this.without.get(name)
    if (excluded) return { reason: 'limit', message: excluded }
    if (name === '') return { reason: 'layout', message: 'it has no name' }
    if (!isText(name)) return { reason: 'layout', message: 'its name has a NUL or half a character in it' }
    if (Buffer.byteLength(name) > DEFAULT_LIMITS.nameBytes - LONGEST_SUFFIX)
      return { reason: 'limit', message: 'its name is too long' }
    return undefined
  }

  /**
   * Leaves the next series of the sources out.
   *
   * @param metric what its owner knows it by
   */
  drop(metric: string, drop: Drop, series = 1): void {
    this.#at += series
    this.#countDropped(metric, drop, series)
  }

  /**
   * Adds the next series of the sources, or leaves it out.
   *
   * @param metric what its owner knows it by
   * @param head a family that `refusalOf` has nothing against
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

  #tryToAdd(metric: string, head: FamilyHead, suffix: Suffix, labels: readonly Label[]): Drop | undefined {
    const { name, type } = head
    let draft = this.#drafts.get(name)
    if (draft && draft.head.type !== type)
      return { reason: 'layout', message: 'another metric of that name has another type' }
    if (draft && draft.bytes > DEFAULT_LIMITS.bytes) return TOO_LARGE
    const carried = this.#labels.apply(labels, numberLabelOf(type, suffix))
    if ('message' in carried) return carried
    if (this.#carried === DEFAULT_LIMITS.samples)
      return { reason: 'limit', message: `there are more than ${DEFAULT_LIMITS.samples} series` }
    const sampleName = name + suffix
    const owner = this.#owners.get(sampleName)
    if (owner !== undefined && owner !== name)
      return {
        reason: 'duplicate_series',
        message: `metric ${owner} has series of the name ${sampleName}`,
      }
    if (!this.#seen.add(sampleName, carried))
      return { reason: 'duplicate_series', message: 'the same series comes twice' }
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
      a.head.name < b.head.name ? -1 : 1,
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

/** Others are left out: a unit is part of the name anyway. */
const isUnit = (unit: string) => isText(unit) && Buffer.byteLength(unit) <= DEFAULT_LIMITS.nameBytes
