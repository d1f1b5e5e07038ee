import type { Instant } from '../../../../shared/base/clock.js'
import type { Steps } from '../../../../shared/base/steps.js'
import { Chunk, PAUSE } from '../../../../shared/exposition/chunks.js'
import { isLegacyLabelName } from '../../../../shared/exposition/escape.js'
import { familyLines } from '../../../../shared/exposition/family-lines.js'
import type { Escaping, Format } from '../../../../shared/exposition/format.js'
import { labelText, latin1 } from '../../../../shared/exposition/layout-text.js'
import { type LabelTail, splitRange } from '../../../../shared/exposition/series-lines.js'
import type { Span } from '../../history/history.js'
import type { Shard } from '../../shard.js'
import type { IndexedFamily } from '../../store/family-index.js'
import { isDecoded, type Snapshot } from '../../store/snapshot.js'
import { writingOf } from '../../store/written-names.js'
import type { Target } from '../../target.js'
import { isRewritten, partLines, seriesPerPiece } from '../part-lines.js'
import { FAMILIES_PER_PAUSE } from '../target.js'
import { Choice, type Chosen } from './chosen.js'
import { OwnTimes } from './own-times.js'
import { type Report, reportLines } from './report.js'
import type { ShownTo } from './series-added.js'
import { Rounds } from './shown.js'
import type { View } from './view.js'

/** Targets that are prepared per step. */
const PREPARE_STEP = 20
/** Layouts that are looked up between two pauses. */
const LOOKUPS_PER_PAUSE = 20_000

/** Families of fewer series are written without a pause, although their text may be rewritten. */
const SERIES_PER_PAUSE = 100

export interface MassiveOptions {
  readonly view: View
  readonly format: Format
  readonly now: Instant
  /** Value of the parameter `scraper`; empty without one. */
  readonly scraper?: string
  /** Unseen snapshots of the scraper; for the view `all` only. */
  readonly span?: Span | undefined
}

/**
 * One scrape of the massive view: all targets of the shard with their labels, without playout
 * delay, each family once over all targets, and the series that Prometheus adds to each scrape of a
 * target.
 *
 * `prepare` acquires the snapshots and `end` releases them, so that a response never mixes two
 * snapshots of a target. To be rendered once.
 */
export class MassiveScrape {
  readonly #choice: Choice
  readonly #rounds = new Rounds()
  readonly #reports: Report[] = []
  readonly #shownTo: ShownTo
  #families: readonly [string, IndexedFamily][] = []
  readonly #ownTimes: OwnTimes
  #samples = 0

  constructor(
    private readonly shard: Shard,
    private readonly options: MassiveOptions,
  ) {
    this.#choice = new Choice(shard, options.span, options.now)
    const { omitted } = this.#choice
    this.#ownTimes = new OwnTimes(options.now.wall - shard.options.historyMaxAgeMs, reason =>
      omitted.set(reason, (omitted.get(reason) ?? 0) + 1),
    )
    this.#shownTo = shard.seriesShown.of(options.scraper ?? '', options.now)
  }

  /**
   * Chooses and acquires the snapshots. To be run before `render`.
   *
   * @throws NoMemory when there is no memory for the scrape
   */
  *prepare(): Steps<void> {
    yield* this.#choice.choose()
    let step = 0
    for (const chosen of this.#choice.chosen) {
      yield* this.#prepareTarget(chosen)
      if (++step % PREPARE_STEP === 0) yield
    }
    this.#families = yield* this.shard.store.families.familiesSteps(writingOf(this.options.format))
  }

  /**
   * A chunk is valid until the next one is requested. Empty chunks are pauses.
   *
   * @returns the number of samples
   */
  *render(): Generator<Buffer, number> {
    const chunk = new Chunk()
    try {
      yield* this.#renderFamilies(chunk)
      this.#samples += yield* reportLines(this.#reports, chunk)
      if (this.options.format.name === 'openmetrics-1.0.0') chunk.add('\n# EOF')
      const rest = chunk.finish()
      if (rest) yield rest
      return this.#samples - this.#ownTimes.omittedSamples
    } finally {
      chunk.release()
    }
  }

  /**
   * Releases the snapshots. To be run in any case.
   *
   * @param written whether the whole response was written to the socket
   */
  *end(written: boolean): Steps<void> {
    const { chosen, omitted } = this.#choice
    if (written) {
      let step = 0
      for (const { target, snapshots } of chosen) {
        const newest = snapshots.findLast(snapshot => snapshot.failure === null)
        if (newest) this.#shownTo.remember(target, newest)
        if (++step % (20 * PREPARE_STEP) === 0) yield
      }
    }
    yield* this.#choice.release(written)
    const { span } = this.options
    if (!span || !written) return
    this.shard.history.acknowledge(span)
    for (const [reason, samples] of omitted) this.shard.history.drop(reason, samples)
  }

  *#prepareTarget(chosen: Chosen): Steps<void> {
    const { target } = chosen
    const { format, view } = this.options
    const tail = () => this.#tailOf(target)
    const taken = new Set(target.labels.map(label => label.name))
    const readable: Snapshot[] = []
    for (const snapshot of chosen.snapshots) {
      if (snapshot.failure !== null) continue
      if (isDecoded(snapshot) || (yield* this.shard.decodeSteps(snapshot))) readable.push(snapshot)
    }
    if (view === 'all') yield* this.#ownTimes.examine(readable)
    const openMetrics = format.name === 'openmetrics-1.0.0'
    for (const [round, { parts, collectedAt }] of readable.entries()) {
      for (const part of parts) {
        const omitted = this.#ownTimes.omitted(part)
        const times =
          view === 'latest'
            ? null
            : { own: part.timestamps, common: collectedAt, openMetrics, omitted }
        const text = part.layout.text(format.escaping, taken)
        this.#rounds.add(round, part.layout, { part, text, tail, times, exemplars: openMetrics })
      }
    }
    yield* this.#report(chosen, readable, tail)
  }

  /**
   * Text of the target's labels at the end of a series; cached if it is short and does not depend
   * on the escaping.
   */
  #tailOf(target: Target): LabelTail {
    if (target.tail) return target.tail
    const tail = labelTail(target, this.options.format.escaping)
    if (target.keepsTail && target.labels.every(label => isLegacyLabelName(label.name))) {
      target.tail = tail
      target.recount()
    }
    return tail
  }

  *#report(chosen: Chosen, readable: readonly Snapshot[], tail: () => LabelTail): Steps<void> {
    const { state, target } = chosen
    // As in Prometheus, a target that is no longer discovered has no `up`.
    if (state === 'ended') return
    const newest = readable[readable.length - 1]
    if (state !== 'up' || !newest) {
      this.#reports.push({ tail, up: false, duration: 0, samples: 0, added: 0 })
      return
    }
    const added = yield* this.#shownTo.added(target, readable)
    this.#reports.push({
      tail,
      up: true,
      duration: newest.collectSeconds,
      samples: newest.series,
      added,
    })
  }

  *#renderFamilies(chunk: Chunk): Generator<Buffer> {
    const { format } = this.options
    let lookups = 0
    let families = 0
    for (const [, { first, members }] of this.#families) {
      if (++families % FAMILIES_PER_PAUSE === 0) yield PAUSE
      let begun = false
      for (const round of this.#rounds.all) {
        for (const [layout, family] of members) {
          if (++lookups % LOOKUPS_PER_PAUSE === 0) yield PAUSE
          for (const shown of round.get(layout) ?? []) {
            if (!begun) {
              begun = true
              chunk.add(familyLines(first, format))
              if (chunk.isFull) yield chunk.flush()
            }
            this.#samples += family.to - family.from
            const tail = shown.tail()
            const rewritten = family.to - family.from >= SERIES_PER_PAUSE && isRewritten(shown)
            for (const piece of splitRange(family, layout.plain, seriesPerPiece(shown, tail))) {
              chunk.add(partLines(shown, tail, piece))
              if (chunk.isFull) yield chunk.flush()
              else if (rewritten) yield PAUSE
            }
          }
        }
      }
    }
  }
}

function labelTail(target: Target, escaping: Escaping): LabelTail {
  const labels = latin1(target.labels.map(label => labelText(label, escaping)).join(','))
  return { open: `,${labels}} `, closed: `{${labels}} ` }
}
