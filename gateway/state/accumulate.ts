import type { Steps } from '../../shared/base/steps.js'
import { parseSeries, textsOf } from './series-text.js'
import type { PushedFamily } from './types.js'
import { familyWith } from './updates.js'

const SERIES_PER_STEP = 200

/** What a push group has after an accumulation, or why it cannot be accumulated. */
export type Accumulated = { readonly family: PushedFamily } | { readonly refusal: string }

/** The type as a TYPE line has it. */
const written = (type: PushedFamily['type']) => (type === 'unknown' ? 'untyped' : type)

/**
 * Adds a pushed family to what a push group holds: counters, and the buckets, sums and counts of
 * histograms and summaries, are added. Gauges, untyped samples and quantiles are replaced. Series
 * that only one of both has are kept.
 */
export function* accumulate(
  held: PushedFamily | undefined,
  pushed: PushedFamily,
): Steps<Accumulated> {
  if (!held) return { family: pushed }
  const { name, type } = pushed
  if (held.type !== type)
    return {
      refusal: `"${name}" is pushed as ${written(type)}, but the push group has it as ${written(held.type)}: add its # TYPE line, or delete the push group first`,
    }
  const totals = new Map<string, number>()
  for (const text of textsOf(held)) {
    totals.set(text, held.values[totals.size])
    if (totals.size % SERIES_PER_STEP === 0) yield
  }
  const isRefused = type === 'histogram' && !(yield* haveSameBuckets(totals, pushed))
  if (isRefused)
    return {
      refusal: `"${name}" has other buckets than the push group; use the same buckets, or delete the push group first`,
    }
  let i = 0
  for (const text of textsOf(pushed)) {
    const before = totals.get(text)
    const value = pushed.values[i]
    totals.set(text, before !== undefined && isAdded(pushed, text) ? before + value : value)
    if (++i % SERIES_PER_STEP === 0) yield
  }
  return { family: yield* familyWith(pushed, totals) }
}

function isAdded({ name, type }: PushedFamily, text: string): boolean {
  if (type === 'counter' || type === 'histogram') return true
  return type === 'summary' && parseSeries(text).name !== name
}

/** Each histogram that both have must have the same bounds: others cannot be added. */
function* haveSameBuckets(held: ReadonlyMap<string, number>, pushed: PushedFamily): Steps<boolean> {
  const own = yield* boundsByHistogram(textsOf(pushed))
  const others = yield* boundsByHistogram(held.keys())
  for (const [histogram, bounds] of own) {
    const before = others.get(histogram)
    if (before === undefined) continue
    if (before.size !== bounds.size || [...bounds].some(bound => !before.has(bound))) return false
  }
  return true
}

function* boundsByHistogram(texts: Iterable<string>): Steps<Map<string, Set<string>>> {
  const bounds = new Map<string, Set<string>>()
  let i = 0
  for (const text of texts) {
    if (++i % SERIES_PER_STEP === 0) yield
    const { labels } = parseSeries(text)
    const bound = labels.find(({ name }) => name === 'le')?.value
    if (bound === undefined) continue
    const histogram = JSON.stringify(labels.filter(({ name }) => name !== 'le'))
    const known = bounds.get(histogram) ?? new Set()
    known.add(bound)
    bounds.set(histogram, known)
  }
  return bounds
}
