import { type LedgerEntry, sumOf } from '../core/ledger.js'
import type { Target } from '../core/target.js'
import type { Rendering } from './answer.js'
import { apiList } from './api-list.js'
import type { MergedList } from './group-list.js'
import { joined } from './lists.js'
import type { Services } from './services.js'

/**
 * Prefix of the line with a shard's total, which includes removed targets, among those of its
 * targets.
 */
const TOTAL = '{"total":'

/** `/api/v1/ledger?scope=`: the ledger in total and of each current target. */
export function ledger(services: Services) {
  return apiList({ path: '/api/v1/ledger', own, render }, services)
}

function own({ shard, address, lists }: Services) {
  const total = `${TOTAL}${JSON.stringify(shard.ledger.entry())}}`
  const line = (target: Target) => [
    JSON.stringify({
      labels: Object.fromEntries(target.labels.map(({ name, value }) => [name, value])),
      ...target.ledger.entry(),
      shard: address,
    }),
  ]
  return lists.render(line, [total])
}

function render({ lines }: MergedList): Rendering {
  const totals = lines.filter(line => line.startsWith(TOTAL))
  const total = sumOf(totals.map(line => (JSON.parse(line) as { total: LedgerEntry }).total))
  const targets = lines.filter(line => !line.startsWith(TOTAL))
  const head = `{"status":"success","data":{"total":${JSON.stringify(total)},"targets":[\n`
  return joined(head, targets, ',\n', '\n]}}\n')
}
