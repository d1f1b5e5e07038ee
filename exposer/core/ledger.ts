/**
 * Why a received snapshot was not written to a scraper. `memory`: a newer one took its place
 * because the memory limit was reached. `backfill`: too old for virtual targets when it was appended.
 * For refused ones, `refused_` and the reason.
 */
export type DropReason =
  | 'unscraped'
  | 'moved'
  | 'forgotten'
  | 'memory'
  | 'backfill'
  | `refused_${string}`

export interface LedgerEntry {
  readonly published: number
  readonly written: number
  readonly superseded: number
  readonly pending: number
  readonly missed: number
  readonly dropped: Readonly<Record<string, number>>
}

/**
 * Accounts for all snapshots since the assignment of the partition:
 *
 *     published = written + superseded + pending + dropped{reason} + missed
 *
 * The published snapshots are known by incarnations and sequences. Each is counted once. *Written*
 * means written to the socket of a scraper; whether it was stored is not known. The ledger of a
 * target also books in the ledger of its shard.
 */
export class Ledger {
  published = 0
  written = 0
  superseded = 0
  missed = 0
  #dropped: Map<DropReason, number> | null = null

  /** @param total the ledger of the shard; null for that ledger itself */
  constructor(private readonly total: Ledger | null = null) {}

  /** A snapshot was received and is pending. */
  receive(): void {
    this.published++
    this.total?.receive()
  }

  /** @param count snapshots superseded by their publisher before they were sent */
  supersede(count: number): void {
    this.published += count
    this.superseded += count
    this.total?.supersede(count)
  }

  /** @param count snapshots that were sent, or should have been, and did not arrive */
  miss(count: number): void {
    this.published += count
    this.missed += count
    this.total?.miss(count)
  }

  /** A snapshot was received and refused. */
  refuse(reason: string): void {
    this.receive()
    this.drop(`refused_${reason}`)
  }

  /** A pending snapshot was written to a scraper. */
  write(): void {
    this.written++
    this.total?.write()
  }

  /** A pending snapshot was dropped. */
  drop(reason: DropReason): void {
    this.#dropped ??= new Map()
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1)
    this.total?.drop(reason)
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
    return {
      published,
      written,
      superseded,
      pending,
      missed,
      dropped: Object.fromEntries(this.dropped),
    }
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
