import { expect } from 'vitest'
import type { Shard } from '../../exposer/core/shard.js'
import type { CompiledLayout } from '../../exposer/core/store/compiled-layout.js'
import { partSize, snapshotBytes, totalOf } from '../../exposer/core/store/sizes.js'
import type { Snapshot } from '../../exposer/core/store/snapshot.js'
import { WRITINGS } from '../../exposer/core/store/written-names.js'
import { runNow } from '../../shared/base/steps.js'

/** Maximum size of the arrays and buffers that are kept for reuse, bytes. */
const SPARE_BYTES = 20 * 1024 * 1024

/** All snapshots that targets hold. */
const snapshotsOf = (shard: Shard): Snapshot[] =>
  [...shard.targets()].flatMap(target => target.snapshots)

const sum = (bytes: readonly number[]) => bytes.reduce((total, one) => total + one, 0)
const bytesOf = (layouts: Iterable<CompiledLayout>) => sum([...layouts].map(layout => layout.bytes))
const sizeOf = (snapshot: Snapshot) =>
  snapshotBytes(snapshot) + sum(snapshot.parts.map(part => totalOf(partSize(part))))

/** The layouts in the family index. */
const indexed = (shard: Shard): Set<CompiledLayout> => {
  const { families } = shard.store
  runNow(families.updateSteps())
  return new Set([...families.all()].flatMap(({ members }) => [...members.keys()]))
}

/**
 * Expects the invariants at any time: the layouts of every held snapshot are in use and in the
 * family index, and its memory has not been reused.
 *
 * @param alone whether only the targets hold snapshots: no response is being written, the history
 *   of the view all is empty, and no snapshot is incomplete
 */
export function expectReferences(shard: Shard, alone: boolean): void {
  const snapshots = snapshotsOf(shard)
  const parts = snapshots.flatMap(snapshot => snapshot.parts)
  const layouts = new Set(parts.map(part => part.layout))
  const inIndex = indexed(shard)
  const bytes = shard.store.memory.byKind()
  for (const layout of layouts) if (layout.families.length > 0) expect(inIndex).toContain(layout)
  for (const { values, raw } of parts) expect(values ?? raw).not.toBeNull()
  const arrays = parts.flatMap(part => part.values ?? [])
  expect(new Set(arrays).size).toBe(arrays.length)
  expect(bytes.layouts).toBeGreaterThanOrEqual(bytesOf(layouts))
  expect(bytes.values).toBeGreaterThanOrEqual(sum(snapshots.map(sizeOf)))
  expect(bytes.spare).toBeLessThanOrEqual(SPARE_BYTES)
  expect(bytes.targets).toBe(sum([...shard.targets()].map(target => totalOf(target.size))))
  if (!alone) return
  expect(bytes.layouts).toBe(bytesOf(layouts) + shard.store.families.bytes)
  expect(bytes.values).toBe(sum(snapshots.map(sizeOf)))
  expect(bytes.history).toBe(0)
  expect(inIndex.size).toBe(layouts.size)
  for (const { holders } of snapshots) expect(holders).toBe(1)
}

/**
 * Expects that everything has been released. Call it when all partitions are lost and all responses
 * have ended.
 */
export function expectNothingHeld(shard: Shard): void {
  runNow(shard.store.families.updateSteps())
  const { cached_layouts, spare, ...held } = shard.store.memory.byKind()
  expect([...shard.targets()]).toEqual([])
  expect([...new Set(Object.values(held))]).toEqual([0])
  expect(cached_layouts).toBeGreaterThanOrEqual(0)
  expect(spare).toBeLessThanOrEqual(SPARE_BYTES)
  expect([...shard.store.families.all()]).toEqual([])
  for (const writing of WRITINGS)
    expect(runNow(shard.store.families.familiesSteps(writing))).toEqual([])
  expect(shard.store.families.conflicts).toBe(0)
  expect(shard.history.bytes).toBe(0)
  expect(shard.ledger.pending).toBe(0)
}
