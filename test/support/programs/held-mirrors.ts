import { MirrorPublisher } from '../../../gateway/mirrors/mirror-publisher.js'
import { noPublishingFigures } from '../../../gateway/mirrors/publishing-figures.js'
import { MemoryBudget } from '../../../gateway/mirrors/state/budget.js'
import { noMirrorFigures } from '../../../gateway/mirrors/state/figures.js'
import { MirrorPartition } from '../../../gateway/mirrors/state/partition.js'
import { systemClock } from '../../../shared/base/clock.js'
import { WriteReader } from '../../../shared/metrics/remote-write/reader.js'
import { OrderedOutbox } from '../../../shared/publish/ordered-outbox.js'
import { targetKey } from '../../../shared/snapshot/key.js'
import { encodeV2 } from '../remote-write-schema.js'

/** Counted and real bytes by which the mirrors of a partition have grown. */
export interface MirrorGrowth {
  readonly shape: string
  readonly counted: number
  readonly real: number
}

const INTERVAL_MS = 15_000
const START = 1_700_000_000_000
/** Series of a target, and targets. */
const SHAPES: Readonly<Record<string, readonly [series: number, targets: number]>> = {
  'a single series': [1, 3000],
  'a few series': [20, 1200],
  'usual targets': [300, 120],
  'large targets': [1500, 30],
}

/** After garbage collections. */
async function realMemory(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc!()
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function record(target: number, series: number, time: number) {
  const labels = { instance: `10.0.0.${target}:9100`, job: 'shop' }
  const symbols = ['', 'instance', labels.instance, 'job', labels.job, '__name__']
  const timeseries = Array.from({ length: series }, (_, i) => {
    symbols.push(i === 0 ? 'up' : `shop_requests_${i}_total`)
    const labelsRefs = [5, symbols.length - 1, 1, 2, 3, 4]
    return { labelsRefs, samples: [{ value: i + 1, timestamp: time }] }
  })
  const key = targetKey(Object.entries(labels).map(([name, value]) => ({ name, value })))
  return { key, bytes: Buffer.from(encodeV2({ symbols, timeseries })) }
}

/** Targets whose `up` comes once, and those that are published. */
async function measure(shape: string): Promise<MirrorGrowth[]> {
  const [series, targets] = SHAPES[shape]
  const budget = new MemoryBudget(() => Number.POSITIVE_INFINITY)
  const sender = {
    laneOf: () => 0,
    sendAll: async (entries: readonly unknown[]) => entries.map(() => null),
  }
  const outbox = new OrderedOutbox({ sender, clock: systemClock, maxBytes: 1e8 })
  const publisher = new MirrorPublisher(outbox, budget, noPublishingFigures())
  const options = { lookbackMs: 300_000, assemblyMs: 10_000, intervalMs: INTERVAL_MS }
  const partition = new MirrorPartition({ options, figures: noMirrorFigures(), budget })
  const reader = new WriteReader()
  let offset = 0
  const scrape = async (from: number, to: number, time: number) => {
    for (let target = from; target < to; target++) {
      const { key, bytes } = record(target, series, time)
      const request = reader.read(bytes, '2.0')
      for (const made of partition.apply({ offset: offset++, time, key, request }))
        if (made) await publisher.publish(made.target, made.made)
    }
    await publisher.settled()
  }
  // Code is compiled and pools are filled before the first measurement.
  for (let round = 0; round < 3; round++) await scrape(0, 10, START + round)
  const before = { counted: budget.bytes, real: await realMemory() }
  const growths: MirrorGrowth[] = []
  for (let round = 0; round < 3; round++) {
    await scrape(10, 10 + targets, START + (round + 1) * INTERVAL_MS)
    if (round === 1) continue
    growths.push({
      shape: `${shape}, ${round === 0 ? 'scraped once' : 'published'}`,
      counted: budget.bytes - before.counted,
      real: (await realMemory()) - before.real,
    })
  }
  // What was measured is held until here.
  if (partition.size !== targets + 10) throw new Error(`${partition.size} targets`)
  return growths
}

for (const shape of Object.keys(SHAPES))
  for (const growth of await measure(shape)) process.send!(growth)
process.disconnect()
