import type { SnapshotReader } from '../../shared/snapshot/read.js'
import type { CompiledLayout } from './compiled-layout.js'
import type { Counters } from './counters.js'
import type { History } from './history/history.js'
import type { Ledger } from './ledger.js'
import type { ShardOptions } from './options.js'
import type { RawPool } from './raw-pool.js'
import type { Target } from './target.js'

/** What applying a record needs of its shard. */
export interface Holder {
  readonly options: ShardOptions
  readonly counters: Counters
  readonly ledger: Ledger
  readonly reader: SnapshotReader
  readonly partitionCount: number
  readonly targets: Map<string, Target>
  readonly raws: RawPool
  readonly history: History
  layoutOf(reader: SnapshotReader): CompiledLayout
  retain(layout: CompiledLayout): void
  release(layout: CompiledLayout): void
}
