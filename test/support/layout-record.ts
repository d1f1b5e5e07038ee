import type { LogRecord } from '../../shared/kafka/types.js'
import type { Layout } from '../../shared/metrics/layout.js'
import type { Exemplar, Label } from '../../shared/metrics/model.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { encodeLayout } from '../../shared/snapshot/layout.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'

export interface LayoutRecordOptions {
  readonly job?: string
  readonly offset?: number
  readonly sequence?: number
  readonly collectedAt: number
  readonly exemplars?: readonly Exemplar[]
}

interface EncodedLayout {
  readonly id: string
  readonly compressed: Buffer
  readonly series: number
}

const encodedLayouts = new WeakMap<Layout, EncodedLayout>()

/**
 * The layout, encoded once: compressing even a small one takes longer than whatever else a test
 * does with a record.
 */
export function encodedOnce(layout: Layout): EncodedLayout {
  let encoded = encodedLayouts.get(layout)
  if (!encoded) {
    const series = layout.families.reduce((sum, family) => sum + family.series.length, 0)
    const { id, compressed } = encodeLayout(layout)
    encoded = { id, compressed, series }
    encodedLayouts.set(layout, encoded)
  }
  return encoded
}

/** A record with this layout, in which all values are 1. */
export function recordOf(layout: Layout | EncodedLayout, options: LayoutRecordOptions): LogRecord {
  const { job = 'x', offset = 0, sequence = 0, collectedAt } = options
  const target: Label[] = [{ name: 'job', value: job }]
  const { id, compressed, series } = 'families' in layout ? encodedOnce(layout) : layout
  return {
    offset,
    timestamp: collectedAt,
    key: targetKey(target),
    value: encodeSnapshot(
      {
        target,
        incarnation: 1000,
        sequence,
        superseded: 0,
        collectedAt,
        intervalMs: 15_000,
        collectSeconds: 0.001,
        part: 0,
        parts: 1,
        end: false,
        layoutId: id,
      },
      {
        layoutCompressed: compressed,
        values: new Float64Array(series).fill(1),
        exemplars: options.exemplars ?? null,
      },
    ),
  }
}
