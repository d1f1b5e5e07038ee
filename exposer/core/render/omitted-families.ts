import type { Steps } from '../../../shared/base/steps.js'
import type { CompiledFamily, CompiledLayout } from '../store/compiled-layout.js'
import type { Snapshot, SnapshotPart } from '../store/snapshot.js'
import { type Writing, writtenName } from '../store/written-names.js'

/** Names of our own series of a virtual target. Families of applications cannot have them. */
export const AGE = 'exposer_target_snapshot_age_seconds'
export const RUNS = 'exposer_target_runs'

const FAMILIES_PER_STEP = 2000
/** Omitted families that are remembered: usually there are none. */
const MAX_KNOWN = 100
const NONE: ReadonlySet<CompiledFamily> = new Set()
/** Omitted families of snapshots with one part, by layout. */
const known = new WeakMap<CompiledLayout, Map<Writing, ReadonlySet<CompiledFamily>>>()

/**
 * Families of a virtual target whose name is ours or was written before: the exposition would be
 * invalid. Names of series are not compared: Prometheus accepts them, as from the application
 * itself.
 */
export function* omittedFamilies(
  { parts }: Snapshot,
  writing: Writing,
): Steps<ReadonlySet<CompiledFamily>> {
  if (parts.length !== 1) return yield* findOmitted(parts, writing)
  const [{ layout }] = parts
  const byWriting = known.get(layout) ?? new Map<Writing, ReadonlySet<CompiledFamily>>()
  known.set(layout, byWriting)
  const omitted = byWriting.get(writing) ?? (yield* findOmitted(parts, writing))
  if (omitted.size <= MAX_KNOWN) byWriting.set(writing, omitted)
  return omitted
}

function* findOmitted(
  parts: readonly SnapshotPart[],
  writing: Writing,
): Steps<ReadonlySet<CompiledFamily>> {
  const written = new Set([AGE, RUNS])
  const omitted = new Set<CompiledFamily>()
  for (const { layout } of parts) {
    for (const family of layout.families) {
      const name = writtenName(family, writing)
      if (written.has(name)) omitted.add(family)
      else if (written.add(name).size % FAMILIES_PER_STEP === 0) yield
    }
  }
  return omitted.size > 0 ? omitted : NONE
}
