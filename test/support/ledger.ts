import { expect } from 'vitest'
import type { LedgerEntry } from '../../exposer/core/ledger.js'
import { eventually } from './eventually.js'

export interface LedgerOfTarget extends LedgerEntry {
  readonly labels: Readonly<Record<string, string>>
  /** URL of the owner. */
  readonly shard: string
}

export interface ReadLedger {
  /** Includes targets that have left. */
  readonly total: LedgerEntry
  readonly targets: readonly LedgerOfTarget[]
}

/** Sends a request to a shard, with a certificate and a password if it requires them. */
export type Get = (url: string) => Promise<{ readonly status: number; readonly text: string }>

const getUnauthenticated: Get = async url => {
  const headers = { 'x-prometheus-scrape-timeout-seconds': '1' }
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(5000) })
  return { status: response.status, text: await response.text() }
}

/**
 * Reads the ledger of a shard. Without its brokers and during a rebalance, `scope=shard` is
 * refused, but `scope=group` still has the entries of the shard.
 *
 * @param url of the shard
 */
export async function readLedger(url: string, get = getUnauthenticated): Promise<ReadLedger> {
  const own = await get(`${url}/api/v1/ledger?scope=shard`)
  const { status, text } = own.status === 503 ? await get(`${url}/api/v1/ledger?scope=group`) : own
  expect(status, text).toBe(200)
  return (JSON.parse(text) as { data: ReadLedger }).data
}

/**
 * Expects in total and per target: published = written + superseded + pending + dropped + missed,
 * and no negative term. Each term of the total is at least the sum over the targets. It is higher
 * if targets have left, except for `pending`.
 *
 * @param url of the shard
 * @param within milliseconds within which the ledger has to add up
 */
export async function expectLedgerToAddUp(url: string, get?: Get, within = 30_000): Promise<void> {
  // Retried: a snapshot may arrive, or be written while its target leaves, between total and
  // targets.
  await eventually(async () => {
    const { total, targets } = await readLedger(url, get)
    expectToAddUp(total, 'in total')
    for (const target of targets) expectToAddUp(target, JSON.stringify(target.labels))
    const totalTerms = termsOf(total)
    const targetTerms = targets.map(termsOf)
    const names = new Set([totalTerms, ...targetTerms].flatMap(terms => Object.keys(terms)))
    for (const term of names) {
      const sum = targetTerms.reduce((all, terms) => all + (terms[term] ?? 0), 0)
      expect(totalTerms[term] ?? 0, `${term} in total, ${sum} of targets`).toBeGreaterThanOrEqual(
        sum,
      )
      if (term === 'pending') expect(totalTerms.pending, 'pending in total').toBe(sum)
    }
  }, within)
}

/** The terms of the equation by name. There is one term per reason of dropped snapshots. */
function termsOf({ published, written, superseded, pending, missed, dropped }: LedgerEntry) {
  const reasons = Object.entries(dropped).map(
    ([reason, count]) => [`dropped{${reason}}`, count] as const,
  )
  const terms: Record<string, number> = { published, written, superseded, pending, missed }
  return Object.assign(terms, Object.fromEntries(reasons))
}

function expectToAddUp(entry: LedgerEntry, scope: string): void {
  const { published, ...outcomes } = termsOf(entry)
  for (const [term, count] of Object.entries({ published, ...outcomes }))
    expect(Number.isInteger(count) && count >= 0, `${term} ${scope}: ${count}`).toBe(true)
  const sum = Object.values(outcomes).reduce((all, count) => all + count, 0)
  expect(published, `published ${scope}: ${JSON.stringify(entry)}`).toBe(sum)
}
