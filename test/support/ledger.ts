import { expect } from 'vitest'
import type { LedgerEntry } from '../../exposer/core/ledger.js'
import { eventually } from './eventually.js'

export interface LedgerOfTarget extends LedgerEntry {
  readonly labels: Readonly<Record<string, string>>
  /** Address of its owner. */
  readonly shard: string
}

export interface ReadLedger {
  /** Also of targets that are gone. */
  readonly total: LedgerEntry
  readonly targets: readonly LedgerOfTarget[]
}

/** How a shard is asked: with certificates and passwords, where it wants some. */
export type Ask = (url: string) => Promise<{ readonly status: number; readonly text: string }>

const plainly: Ask = async url => {
  const headers = { 'x-prometheus-scrape-timeout-seconds': '1' }
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(5000) })
  return { status: response.status, text: await response.text() }
}

/**
 * What a shard booked. One that may not speak for itself now, as without its brokers or in a rebalance, says all the same
 * what it knows when it is asked for what the whole group does.
 *
 * @param url of the shard
 */
export async function readLedger(url: string, ask = plainly): Promise<ReadLedger> {
  const own = await ask(`${url}/api/v1/ledger?scope=shard`)
  const { status, text } = own.status === 503 ? await ask(`${url}/api/v1/ledger?scope=group`) : own
  expect(status, text).toBe(200)
  return (JSON.parse(text) as { data: ReadLedger }).data
}

/**
 * In sum and per target: published = written + superseded + pending + dropped + missed, nothing of it is negative, and the sum has at least
 * what its targets have. More, where targets are gone; but nothing of theirs is pending any more.
 *
 * @param url of the shard
 * @param within milliseconds for what is under way to end
 */
export async function expectLedgerToAddUp(url: string, ask?: Ask, within = 5000): Promise<void> {
  // Tried again: the sum is older than its targets when a snapshot comes in between, or is being written when its target goes.
  await eventually(async () => {
    const { total, targets } = await readLedger(url, ask)
    expectToAddUp(total, 'in total')
    for (const target of targets) expectToAddUp(target, JSON.stringify(target.labels))
    const whole = termsOf(total)
    const parts = targets.map(termsOf)
    const names = new Set([whole, ...parts].flatMap(terms => Object.keys(terms)))
    for (const term of names) {
      const sum = parts.reduce((all, terms) => all + (terms[term] ?? 0), 0)
      expect(whole[term] ?? 0, `${term} in total, ${sum} of targets`).toBeGreaterThanOrEqual(sum)
      if (term === 'pending') expect(whole.pending, 'pending in total').toBe(sum)
    }
  }, within)
}

/** Terms of the equation by name, what was dropped by reason. */
function termsOf({ published, written, superseded, pending, missed, dropped }: LedgerEntry) {
  const reasons = Object.entries(dropped).map(([reason, count]) => [`dropped{${reason}}`, count] as const)
  const terms: Record<string, number> = { published, written, superseded, pending, missed }
  return Object.assign(terms, Object.fromEntries(reasons))
}

function expectToAddUp(entry: LedgerEntry, whose: string): void {
  const { published, ...gone } = termsOf(entry)
  for (const [term, count] of Object.entries({ published, ...gone }))
    expect(Number.isInteger(count) && count >= 0, `${term} ${whose}: ${count}`).toBe(true)
  const sum = Object.values(gone).reduce((all, count) => all + count, 0)
  expect(published, `published ${whose}: ${JSON.stringify(entry)}`).toBe(sum)
}
