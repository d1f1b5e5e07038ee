import type { Instant } from '../../../shared/clock.js'
import { isLegacyLabelName } from '../../../shared/exposition/escape.js'
import type { Escaping, Format } from '../../../shared/exposition/format.js'
import type { CompiledLayout } from '../compiled-layout.js'
import type { Shard } from '../shard.js'
import type { HeldPart, Snapshot } from '../snapshot.js'
import type { Target } from '../target.js'
import { Chunk, PAUSE } from './chunks.js'
import { exemplarTexts } from './exemplar-text.js'
import { familyLines } from './family-lines.js'
import { type LayoutText, labelText, latin1 } from './layout-text.js'
import { pieces, seriesLines, type Tail } from './series-lines.js'
import { timestampText } from './target.js'

/** How samples are exposed in the massive view. `all` has its place here and is not there yet. */
export const VIEWS = ['latest', 'timestamped'] as const
export type View = (typeof VIEWS)[number]

/** One target's part, with all that its lines need but the family. */
interface Shown {
  readonly part: HeldPart
  readonly text: LayoutText
  readonly tail: Tail
  readonly end: string
  readonly exemplars: ReadonlyMap<number, string> | null
}

/** Targets between two places where others have the event loop. */
const PREPARE_STEP = 50

/** What a scrape holds from its beginning to its end, whatever is applied meanwhile. */
class Held {
  readonly snapshots: Snapshot[] = []
  readonly shown = new Map<CompiledLayout, Shown[]>()
  samples = 0

  constructor(private readonly shard: Shard) {}

  add(layout: CompiledLayout, one: Shown): void {
    const list = this.shown.get(layout)
    if (list) {
      list.push(one)
      return
    }
    this.shown.set(layout, [one])
    // A layout that nobody has any more would leave the table of contents in the middle of a scrape.
    this.shard.families.add(layout)
  }

  release(): void {
    for (const snapshot of this.snapshots) snapshot.readers--
    for (const layout of this.shown.keys()) this.shard.families.remove(layout)
  }
}

/**
 * The whole shard as one target: what people build. One group per family over all targets that are up, their identifying
 * labels as labels, undelayed. A chunk is valid until the next is asked for; empty ones are places where a long preparation
 * may be interrupted.
 *
 * Every target's newest snapshot is taken at the beginning and held to the end, so that a scrape never mixes two of one target,
 * however long it takes.
 *
 * @returns how many samples it has
 */
export function* renderMassive(
  shard: Shard,
  view: View,
  format: Format,
  now: Instant,
): Generator<Buffer, number> {
  const held = new Held(shard)
  const chunk = new Chunk()
  try {
    yield* prepare(shard, view, format, now, held)
    yield* families(shard, format, held, chunk)
    return held.samples
  } finally {
    held.release()
    chunk.release()
  }
}

function* prepare(shard: Shard, view: View, format: Format, now: Instant, held: Held): Generator<Buffer> {
  // Everybody's newest before the first pause: after it they may have moved on.
  const chosen: [Target, Snapshot][] = []
  for (const target of shard.targets()) {
    const { newest } = target
    if (!newest || shard.judge(target, now).state !== 'up') continue
    newest.readers++
    held.snapshots.push(newest)
    chosen.push([target, newest])
  }
  let step = 0
  for (const [target, snapshot] of chosen) {
    if (shard.decode(target, snapshot)) show(target, snapshot, view, format, held)
    if (++step % PREPARE_STEP === 0) yield PAUSE
  }
}

function show(target: Target, snapshot: Snapshot, view: View, format: Format, held: Held): void {
  const openMetrics = format.name === 'openmetrics-1.0.0'
  const taken = new Set(target.labels.map(label => label.name))
  const tail = tailOf(target, format.escaping)
  const end = view === 'timestamped' ? ` ${timestampText(snapshot.collectedAt, openMetrics)}` : ''
  for (const part of snapshot.parts) {
    const text = part.layout.text(format.escaping, taken)
    const exemplars = openMetrics ? exemplarTexts(part) : null
    held.add(part.layout, { part, text, tail, end, exemplars })
  }
}

function* families(shard: Shard, format: Format, held: Held, chunk: Chunk): Generator<Buffer> {
  for (const [, { first, members }] of shard.families.families()) {
    let begun = false
    for (const [layout, family] of members) {
      for (const one of held.shown.get(layout) ?? []) {
        if (!begun) chunk.add(familyLines(first, format))
        begun = true
        held.samples += family.to - family.from
        for (const piece of pieces(family)) {
          chunk.add(seriesLines(one.part, one.text, piece, one.tail, one.end, one.exemplars))
          if (chunk.full) yield chunk.take()
        }
      }
    }
  }
  if (format.name === 'openmetrics-1.0.0') chunk.add('\n# EOF')
  const rest = chunk.last()
  if (rest) yield rest
}

/** The target's own labels, as they close a series' line: made once, unless their names have two spellings. */
function tailOf(target: Target, escaping: Escaping): Tail {
  if (target.tail) return target.tail
  const labels = latin1(target.labels.map(label => labelText(label, escaping)).join(','))
  const tail = { open: `,${labels}} `, closed: `{${labels}} ` }
  if (target.labels.every(label => isLegacyLabelName(label.name))) target.tail = tail
  return tail
}
