import type { CompiledLayout } from '../../compiled-layout.js'
import type { Snapshot } from '../../snapshot.js'
import { PAUSE } from '../chunks.js'
import { BLOCK } from '../layout-text.js'

/** Series between two places where others have the event loop. */
const STEP = 5000

/** How many series of a snapshot the one before it did not have: as Prometheus counts them by what a scrape before had. */
export function* seriesAdded(snapshot: Snapshot): Generator<Buffer, number> {
  if (snapshot.added >= 0) return snapshot.added
  const { before } = snapshot
  if (!before) return snapshot.series
  let step = 0
  const known = new Set<string>()
  for (const head of headsOf(before)) {
    known.add(head)
    if (++step % STEP === 0) yield PAUSE
  }
  let added = 0
  for (const head of headsOf(snapshot.parts.map(part => part.layout))) {
    if (!known.has(head)) added++
    if (++step % STEP === 0) yield PAUSE
  }
  snapshot.added = added
  snapshot.before = null
  return added
}

/** The name and labels of each series, as text. */
function* headsOf(layouts: readonly CompiledLayout[]): Generator<string> {
  for (const layout of layouts) {
    const { blocks, offsets } = layout.text('allow-utf-8')
    for (let i = 0; i < layout.series; i++) {
      const first = i - (i % BLOCK)
      yield blocks[first / BLOCK].slice(offsets[i] - offsets[first], offsets[i + 1] - offsets[first])
    }
  }
}
