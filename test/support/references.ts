import { expect } from 'vitest'
import type { CompiledLayout } from '../../exposer/core/compiled-layout.js'
import type { Shard } from '../../exposer/core/shard.js'

/** Bytes that buffers kept for the next records may take. */
const POOLED_BYTES = 34 * 1024 * 1024

/** Layouts of all snapshots that targets hold. */
function layoutsOf(shard: Shard): Set<CompiledLayout> {
  const snapshots = [...shard.targets()].flatMap(target => target.snapshots)
  return new Set(snapshots.flatMap(snapshot => snapshot.parts.map(part => part.layout)))
}

const bytesOf = (layouts: Iterable<CompiledLayout>) =>
  [...layouts].reduce((sum, layout) => sum + layout.bytes, 0)

/**
 * What holds at any moment: every snapshot that a target holds has its layouts, in use and in the family index.
 *
 * @param alone nothing but the targets' snapshots is held: no response is being written, nothing waits for scrapers of the view
 *   all, no part of a snapshot waits for the rest
 */
export function expectReferences(shard: Shard, alone: boolean): void {
  const layouts = layoutsOf(shard)
  const { layoutBytesInUse, pooledBytes } = shard.held()
  const indexed = new Set(
    shard.families
      .families()
      .flatMap(([, { members, conflicting }]) => [...members.keys(), ...conflicting.keys()]),
  )
  for (const layout of layouts) expect(indexed).toContain(layout)
  expect(layoutBytesInUse).toBeGreaterThanOrEqual(bytesOf(layouts))
  expect(pooledBytes).toBeLessThanOrEqual(POOLED_BYTES)
  if (!alone) return
  expect(layoutBytesInUse).toBe(bytesOf(layouts))
  expect(indexed.size).toBe(layouts.size)
  for (const target of shard.targets()) {
    for (const snapshot of target.snapshots) expect(snapshot.readers).toBe(0)
  }
}

/** What holds when all partitions are lost and every response has ended: what was acquired has been released. */
export function expectNothingHeld(shard: Shard): void {
  const { series, layoutBytesInUse } = shard.held()
  expect([...shard.targets()]).toEqual([])
  expect({ series, layoutBytesInUse }).toEqual({ series: 0, layoutBytesInUse: 0 })
  expect(shard.families.families()).toEqual([])
  expect(shard.families.conflicts).toBe(0)
  expect(shard.history.bytes).toBe(0)
  expect(shard.ledger.pending).toBe(0)
}
