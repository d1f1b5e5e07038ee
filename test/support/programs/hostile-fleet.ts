import { keepHeapSmall } from '../../../cli/heap.js'
import { memoryLimits, processMemory } from '../../../cli/memory.js'
import { MassiveScrape } from '../../../exposer/core/render/massive/massive.js'
import type { View } from '../../../exposer/core/render/massive/view.js'
import { Shard } from '../../../exposer/core/shard.js'
import { runNow } from '../../../shared/base/steps.js'
import { TEXT } from '../../../shared/exposition/format.js'
import { SHAPES } from '../hostile-records.js'
import { FakeApp } from '../records.js'

/** What became of a shard with a few healthy targets among a hostile fleet. */
export interface Outcome {
  readonly shape: string
  readonly phase: string
  readonly records: number
  /** Largest used share of a limit. */
  readonly most: number
  /** Refused records by reason. */
  readonly refused: Readonly<Record<string, number>>
  /** States of the healthy targets. */
  readonly states: readonly string[]
  /** Bytes held after all targets have left, without what is kept for the next ones. */
  readonly left: number
  readonly massiveBytes: number
}

/** Refusals for lack of memory after which a fleet has done what it can. */
const ENOUGH = 100
const MAX_RECORDS = 30_000
/** A scraper gives up then. */
const MAX_RESPONSE = 200e6
const HEALTHY = 20
const EXPOSITION = '# TYPE x gauge\nx 1\n'

keepHeapSmall()
const limits = { ...memoryLimits(undefined, processMemory()), total: Number(process.argv[2]) }

class HostileFleet {
  readonly #shard = new Shard({ playoutDelayMs: 0, memory: limits })
  readonly #healthy = Array.from(
    { length: HEALTHY },
    (_, i) => new FakeApp({ labels: { job: 'healthy', instance: `${i}` }, intervalMs: 60_000 }),
  )
  #time = Date.now()
  #offset = 0

  constructor(
    private readonly shape: string,
    private readonly phase: 'loaded' | 'replaying',
  ) {
    this.#shard.assign({ epoch: 1, partitionCount: 1, kept: [], fresh: [0], lost: [] }, this.#now)
    this.#shard.replay(0, 0, phase === 'replaying' ? MAX_RECORDS * 2 : 0, this.#now)
  }

  run(): Outcome {
    const { shape, phase } = this
    const shard = this.#shard
    this.#publish()
    if (phase === 'loaded') this.#scrape('all')
    let most = 0
    let n = 0
    let refused = 0
    while (refused < ENOUGH && n < MAX_RECORDS) {
      const before = shard.counters.refused.get('limit') ?? 0
      this.#apply(SHAPES[shape](n, { time: this.#time, sequence: n, partitions: 1 }))
      const { heap, buffers } = shard.store.memory.used
      const share = (heap + buffers) / shard.store.memory.limit
      most = Math.max(most, share)
      if (share > 0.9 && (shard.counters.refused.get('limit') ?? 0) > before) refused++
      if (++n % 500 > 0) continue
      this.#publish()
      shard.sweep(this.#now)
    }
    this.#publish()
    shard.fetched(0, MAX_RECORDS * 2, MAX_RECORDS * 2, this.#now)
    const massiveBytes = this.#scrape('latest')
    const states = this.#healthy.map(
      app => shard.judge(shard.find(app.latin1Key)!, this.#now).state,
    )
    shard.assign({ epoch: 2, partitionCount: 1, kept: [], fresh: [], lost: [0] }, this.#now)
    runNow(shard.releaseSteps())
    const { cached_layouts, spare, ...left } = shard.store.memory.byKind()
    return {
      shape,
      phase,
      records: n,
      most,
      refused: Object.fromEntries(shard.counters.refused),
      states,
      left: Object.values(left).reduce((sum, bytes) => sum + bytes, 0),
      massiveBytes,
    }
  }

  get #now() {
    return { wall: this.#time, mono: this.#time }
  }

  #publish(): void {
    this.#time += 1000
    for (const app of this.#healthy)
      for (const record of app.records({ exposition: EXPOSITION, collectedAt: this.#time }))
        this.#apply({ key: record.key!, value: record.value! })
  }

  #apply({ key, value }: { key: Buffer; value: Buffer }): void {
    this.#time += 1
    const record = { key, value, offset: this.#offset++, timestamp: this.#time }
    this.#shard.apply(0, record, this.#now)
    if (this.phase === 'loaded') this.#shard.fetched(0, this.#offset, this.#offset, this.#now)
  }

  #scrape(view: View): number {
    const shard = this.#shard
    const span = view === 'all' ? shard.history.open('slow', this.#now) : undefined
    const scrape = new MassiveScrape(shard, { view, format: TEXT, now: this.#now, span })
    runNow(scrape.prepare())
    let bytes = 0
    for (const chunk of scrape.render()) {
      bytes += chunk.length
      if (bytes > MAX_RESPONSE) break
    }
    runNow(scrape.end(bytes <= MAX_RESPONSE))
    if (span) shard.history.close(span)
    return bytes
  }
}

/** Sends the outcome of each fleet. Argument: limit of heap and buffers together, bytes. */
for (const shape of Object.keys(SHAPES)) process.send!(new HostileFleet(shape, 'loaded').run())
// A replay differs in what it does not decode.
for (const shape of ['families of many names', 'targets', 'values', 'timestamps', 'exemplars'])
  process.send!(new HostileFleet(shape, 'replaying').run())
process.disconnect()
