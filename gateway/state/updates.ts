import type { Steps } from '../../shared/base/steps.js'
import { flatCopy } from '../../shared/exposition/layout-text.js'
import { Block } from './block.js'
import type { Candidate } from './consistency.js'
import { checkFamily } from './family-codec.js'
import { type Group, isPushTime } from './group.js'
import type { Update } from './group-table.js'
import { textsOf } from './series-text.js'
import type { PushedFamily } from './types.js'

/** A checked family. */
export interface CheckedFamily extends Candidate {
  /** Whether all names are in the legacy character set. */
  readonly isLegacy: boolean
}

const FAMILIES_PER_STEP = 50
const SERIES_PER_STEP = 500

/** The families that are stored, compared with what the push group has, and checked. */
export function* candidatesOf(
  group: Group | undefined,
  families: readonly PushedFamily[],
): Steps<CheckedFamily[]> {
  const candidates: CheckedFamily[] = []
  for (const family of families) {
    if (isPushTime(family.name)) continue
    const block = group?.members.get(family.name)?.block
    const isSame = block?.type === family.type && block.series === family.series
    // What is the same was checked when it was pushed first.
    const { isLegacy } = isSame ? block : yield* checkFamily(family)
    candidates.push({ family, isSame, isLegacy })
    if (candidates.length % FAMILIES_PER_STEP === 0) yield
  }
  return candidates
}

/** @param offset of the record; @param time log time, Unix ms */
export function updateOf(
  group: Group | undefined,
  { family, isSame, isLegacy }: CheckedFamily,
  {
    offset,
    time,
    repeats = 0,
  }: { readonly offset: number; readonly time: number; readonly repeats?: number },
): Update {
  const before = group?.members.get(family.name)?.block
  const place = {
    pushedAt: time,
    since: before?.type === family.type ? before.since : offset,
    isLegacy,
    repeats,
  }
  return { block: new Block(family, place, before), isSame }
}

/** Leaves out samples whose series occurred before in the same push. */
export function* withoutRepeats(
  candidate: CheckedFamily,
): Steps<{ readonly candidate: CheckedFamily; readonly repeats: number }> {
  const { family, isSame } = candidate
  if (isSame) return { candidate, repeats: 0 }
  const seen = new Map<string, number>()
  let i = 0
  for (const text of textsOf(family)) {
    if (!seen.has(text)) seen.set(text, family.values[i])
    if (++i % SERIES_PER_STEP === 0) yield
  }
  const repeats = i - seen.size
  if (repeats === 0) return { candidate, repeats }
  return { candidate: { ...candidate, family: yield* familyWith(family, seen) }, repeats }
}

/** The family with other samples, by the texts of their series. */
export function* familyWith(
  family: PushedFamily,
  samples: ReadonlyMap<string, number>,
): Steps<PushedFamily> {
  const values = new Float64Array(samples.size)
  let series = ''
  let i = 0
  for (const [text, value] of samples) {
    series += `${text}\n`
    values[i++] = value
    if (i % SERIES_PER_STEP === 0) yield
  }
  return { ...family, series: flatCopy(series), values }
}
