import { Shard } from '../../../exposer/core/shard.js'
import { WRITINGS } from '../../../exposer/core/store/written-names.js'
import { runNow } from '../../../shared/base/steps.js'
import type { LogRecord } from '../../../shared/kafka/types.js'
import { SHAPES } from '../hostile-records.js'

/** Counted and real bytes by which a shard has grown. */
export interface Growth {
  readonly shape: string
  readonly phase: string
  readonly records: number
  readonly counted: number
  readonly heap: number
  readonly buffers: number
}

const COUNTED_GROWTH = 7e6
const MAX_RECORDS = 10_000

/** After garbage collections. */
async function realMemory(): Promise<{ heap: number; buffers: number }> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc!()
    await new Promise(resolve => setTimeout(resolve, 2))
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return { heap: heapUsed, buffers: arrayBuffers }
}

async function measure(shape: string, phase: 'loaded' | 'replaying'): Promise<Growth> {
  const shard = new Shard({ playoutDelayMs: 0 })
  const { memory, families } = shard.store
  const time = Date.now()
  const now = { wall: time, mono: 1000 }
  shard.assign({ epoch: 1, partitionCount: 1, kept: [], fresh: [0], lost: [] }, now)
  shard.replay(0, 0, phase === 'replaying' ? Number.MAX_SAFE_INTEGER : 0, now)
  let n = 0
  const feed = () => {
    const { key, value } = SHAPES[shape](n, { time, sequence: 0, partitions: 1 })
    const record: LogRecord = { key, value, offset: n++, timestamp: time }
    shard.apply(0, record, now)
  }
  const index = () => {
    for (const writing of WRITINGS) runNow(families.familiesSteps(writing))
  }
  const counted = () => memory.used.heap + memory.used.buffers
  // Code is compiled and pools are filled before the first measurement.
  for (let i = 0; i < 10; i++) feed()
  index()
  const before = { counted: counted(), ...(await realMemory()) }
  while (counted() - before.counted < COUNTED_GROWTH && n < MAX_RECORDS) feed()
  index()
  const after = await realMemory()
  const growth = {
    shape,
    phase,
    records: n - 10,
    counted: counted() - before.counted,
    heap: after.heap - before.heap,
    buffers: after.buffers - before.buffers,
  }
  // The shard is not garbage before it was measured.
  shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [], lost: [0] }, now)
  return growth
}

/** Sends the growth for each shape. Needs `--expose-gc`. */
for (const shape of Object.keys(SHAPES)) process.send!(await measure(shape, 'loaded'))
// A replay differs in what it does not decode.
for (const shape of ['targets', 'values', 'timestamps', 'exemplars', 'refused snapshots'])
  process.send!(await measure(shape, 'replaying'))
process.disconnect()
