import { copied } from '../../shared/base/copied.js'
import { runInSlices, type Steps } from '../../shared/base/steps.js'
import { publicationPlan } from '../../shared/publish/plan.js'
import type { Sample } from '../../shared/publish/sample.js'
import { mapSources } from '../../shared/snapshot/mapping/sources.js'
import type { Part } from '../../shared/snapshot/split.js'
import type { MadeSnapshot } from './state/made.js'
import type { MirrorLayout } from './state/mirror-layout.js'

interface MirrorPlan {
  readonly layout: MirrorLayout
  readonly parts: readonly Part[]
  /** Index in the record of each series of the layout; −1 for one that is dropped. */
  readonly order: Int32Array
  /** Number of series in the record. */
  readonly series: number
  readonly dropped: number
}

/** Makes samples of the snapshots of one mirror. */
export class MirrorSampler {
  #plan: MirrorPlan | undefined

  /** Memory of encoded layouts, bytes. The rest counts as memory of the target and its series. */
  get bytes(): number {
    return this.#plan?.parts.reduce((sum, { layout }) => sum + layout.compressed.length, 0) ?? 0
  }

  /** Number of series of the last snapshot that cannot be part of a record. */
  get dropped(): number {
    return this.#plan?.dropped ?? 0
  }

  /** Prepares a layout that is new. */
  async prepare(layout: MirrorLayout): Promise<void> {
    if (!this.isPrepared(layout)) this.#plan = await runInSlices(planOf(layout))
  }

  isPrepared(layout: MirrorLayout): boolean {
    return this.#plan?.layout === layout
  }

  /** @param snapshot whose layout is prepared */
  sample({ values, timestamps }: MadeSnapshot): Sample {
    const { order, series, parts } = this.#plan!
    const placed = new Float64Array(series)
    const times = timestamps && new Float64Array(series)
    for (let i = 0; i < order.length; i++) {
      const at = order[i]
      if (at < 0) continue
      placed[at] = values[i]
      if (times) times[at] = timestamps[i]
    }
    return { parts, values: placed, timestamps: times, exemplars: null }
  }
}

/** Records always have room for timestamps, so that equal layouts have equal parts. */
function* planOf(layout: MirrorLayout): Steps<MirrorPlan> {
  const { families, order } = yield* layout.families()
  const { mapping, parts } = yield* publicationPlan(
    without => mapSources([{ families }], without),
    true,
  )
  const placed = new Int32Array(order.length)
  let dropped = 0
  for (let i = 0; i < order.length; i++) {
    placed[i] = mapping.order[order[i]]
    if (placed[i] < 0) dropped++
  }
  return { layout, parts: parts.map(kept), order: placed, series: mapping.series, dropped }
}

const NO_BYTES = Buffer.alloc(0)

/** What records need of a part: the result of a compression is a part of a larger buffer. */
const kept = ({ layout, ...part }: Part): Part => ({
  ...part,
  layout: { id: layout.id, bytes: NO_BYTES, compressed: copied(layout.compressed) },
})
