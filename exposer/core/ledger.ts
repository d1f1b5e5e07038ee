/** Why a snapshot that was published is never written to a scraper. Refused ones have `refused_` and the reason. */
export type DropReason = 'unscraped' | 'moved' | 'forgotten' | `refused_${string}`

export interface LedgerEntry {
  readonly published: number
  readonly written: number
  readonly superseded: number
  readonly pending: number
  readonly missed: number
  readonly dropped: Readonly<Record<string, number>>
}

/**
 * Where the snapshots went, from when a target's partition became this shard's:
 *
 *     published = written + superseded + pending + dropped{reason} + missed
 *
 * Published is known by incarnations and sequences. Each snapshot is counted once, whatever happens to it. *Written* means
 * written to a scraper's socket; whether it was kept is not ours to know. What a target books, its shard books too.
 */
export class Ledger {
  published = 0
  written = 0
  superseded = 0
  missed = 0
  #dropped: Map<DropReason, number> | null = null

  constructor(private readonly whole: Ledger | null = null) {}

  /** A snapshot came, and waits for somebody to ask. */
  came(): void {
    this.published++
    this.whole?.came()
  }

  /** @param count snapshots that the producer replaced unsent */
  replaced(count: number): void {
    this.published += count
    this.superseded += count
    this.whole?.replaced(count)
  }

  /** @param count snapshots that were sent, or should have been, and never came */
  lost(count: number): void {
    this.published += count
    this.missed += count
    this.whole?.lost(count)
  }

  /** A snapshot came that may not be. */
  refused(reason: string): void {
    this.came()
    this.drop(`refused_${reason}`)
  }

  /** One that was pending reached a scraper. */
  write(): void {
    this.written++
    this.whole?.write()
  }

  /** One that was pending never will. */
  drop(reason: DropReason): void {
    this.#dropped ??= new Map()
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1)
    this.whole?.drop(reason)
  }

  get dropped(): ReadonlyMap<DropReason, number> {
    return this.#dropped ?? NONE
  }

  get pending(): number {
    let gone = this.written + this.superseded + this.missed
    for (const count of this.dropped.values()) gone += count
    return this.published - gone
  }

  entry(): LedgerEntry {
    const { published, written, superseded, pending, missed } = this
    return { published, written, superseded, pending, missed, dropped: Object.fromEntries(this.dropped) }
  }
}

const NONE: ReadonlyMap<DropReason, number> = new Map()

export function sumOf(entries: readonly LedgerEntry[]): LedgerEntry {
  const dropped: Record<string, number> = {}
  const sum = { published: 0, written: 0, superseded: 0, pending: 0, missed: 0 }
  for (const entry of entries) {
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += entry[key]
    for (const [reason, count] of Object.entries(entry.dropped))
      dropped[reason] = (dropped[reason] ?? 0) + count
  }
  return { ...sum, dropped }
}
