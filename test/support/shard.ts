import type { ShardOptions } from '../../exposer/core/options.js'
import { type MassiveOptions, MassiveScrape } from '../../exposer/core/render/massive/massive.js'
import { REPORT_NAMES } from '../../exposer/core/render/massive/report.js'
import type { View } from '../../exposer/core/render/massive/view.js'
import { prepareTarget, renderTarget } from '../../exposer/core/render/target.js'
import type { Timestamps } from '../../exposer/core/render/timestamps.js'
import { Shard } from '../../exposer/core/shard.js'
import { runNow } from '../../shared/base/steps.js'
import { type Format, TEXT } from '../../shared/exposition/format.js'
import type { FakeApp, SnapshotOptions } from './records.js'

/** A shard with a fake clock and a fake log. Wall time and monotonic time are the same. */
export class FakeShard {
  readonly shard: Shard
  readonly refusals: string[] = []
  wall: number

  constructor(
    start = 1_700_000_000_000,
    options: Partial<ShardOptions> = {},
    readonly partitionCount = 1,
  ) {
    this.wall = start
    this.shard = new Shard({
      playoutDelayMs: 1000,
      ...options,
      onRefused: refusal => this.refusals.push(refusal.reason),
    })
    const fresh = Array.from({ length: partitionCount }, (_, partition) => partition)
    this.shard.assign({ epoch: 1, partitionCount, kept: [], fresh, lost: [] }, this.now)
    for (const partition of fresh) this.shard.replay(partition, 0, 0, this.now)
  }

  get now() {
    return { wall: this.wall, mono: this.wall }
  }

  /** Applies a snapshot of an app. */
  publish(app: FakeApp, snapshot: SnapshotOptions): void {
    const partition = app.partition(this.partitionCount)
    for (const record of app.records(snapshot)) this.shard.apply(partition, record, this.now)
  }

  /** Applies a failed collection of an app. */
  fail(app: FakeApp, failure: string): void {
    const record = app.failure(failure, { collectedAt: this.wall })
    this.shard.apply(app.partition(this.partitionCount), record, this.now)
  }

  /** Advances the time, with a fetch response at the high watermark every half second. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 500) {
      this.wall += Math.min(500, left)
      this.fetch()
    }
  }

  /** Passes a fetch response at the high watermark. */
  fetch(): void {
    for (const { partition, position } of this.shard.partitions(this.now)) {
      this.shard.fetched(partition, position, position, this.now)
    }
  }

  /** Advances the time without a fetch response. */
  silence(ms: number): void {
    this.wall += ms
  }

  state(app: FakeApp): string {
    const target = this.shard.find(app.latin1Key)
    return target ? this.shard.judge(target, this.now).state : 'unknown'
  }

  target(app: FakeApp, format: Format = TEXT, timestamps: Timestamps = 'none', heldMs = 0): string {
    const at = timestamps === 'playout' ? this.wall - heldMs : undefined
    const target = this.shard.find(app.latin1Key)
    const played = target && this.shard.played(target, this.now, at)
    if (!played) return ''
    const ready = runNow(prepareTarget(played, format))
    return text(renderTarget(played, ready, format, this.now, { timestamps }))
  }

  metrics(view: View = 'latest', format: Format = TEXT): string {
    return massive(this.shard, { view, format, now: this.now })
  }

  /** The massive view without the report series of the targets. */
  appMetrics(view: View = 'latest', format: Format = TEXT): string {
    return withoutReport(this.metrics(view, format))
  }

  /**
   * A scrape of the view `all`. With `written: false` the scraper disconnects during the response.
   */
  all(
    scraper: string,
    { written = true, format = TEXT }: { written?: boolean; format?: Format } = {},
  ): string {
    const span = this.shard.history.open(scraper, this.now)
    if (!span) throw new Error('too many scrapers')
    try {
      return massive(this.shard, { view: 'all', format, now: this.now, scraper, span }, written)
    } finally {
      this.shard.history.close(span)
    }
  }
}

/** A complete scrape of the massive view. */
export function massive(shard: Shard, options: MassiveOptions, written = true): string {
  const scrape = new MassiveScrape(shard, options)
  try {
    runNow(scrape.prepare())
    return text(scrape.render())
  } finally {
    runNow(scrape.end(written))
  }
}

function withoutReport(exposition: string): string {
  const name = /^(?:# (?:HELP|TYPE) )?([^ {]+)/
  const lines = exposition.split('\n')
  return lines.filter(line => !REPORT_NAMES.has(name.exec(line)?.[1] ?? '')).join('\n')
}

/** Copies the chunks: each is valid only until the next one is requested. */
function text(chunks: Iterable<Buffer>): string {
  const copies: Buffer[] = []
  for (const chunk of chunks) copies.push(Buffer.from(chunk))
  return Buffer.concat(copies).toString('utf8')
}
