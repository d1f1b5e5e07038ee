import type { SnapshotReader } from '../../shared/snapshot/read.js'
import type { Assemblies } from './assembly.js'
import type { Counters } from './counters.js'
import type { History } from './history/history.js'
import type { Ledger } from './ledger.js'
import type { ShardOptions } from './options.js'
import type { Partition } from './partition.js'
import type { SeriesShown } from './render/massive/series-added.js'
import type { Source } from './source.js'
import type { Store } from './store/store.js'

/** The parts of a shard that `applyRecord` changes. */
export interface ShardParts {
  readonly options: ShardOptions
  readonly counters: Counters
  readonly ledger: Ledger
  readonly reader: SnapshotReader
  readonly partitionCount: number
  /** Number of targets of all partitions. */
  targetCount: number
  /** Partitions that were lost or replaced, whose targets are still to be released. */
  readonly dropped: Set<Partition>
  readonly store: Store
  readonly history: History
  readonly assemblies: Assemblies
  readonly seriesShown: SeriesShown
  readonly source: Source
}
