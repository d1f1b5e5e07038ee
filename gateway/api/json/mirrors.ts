import { runInSlices } from '../../../shared/base/steps.js'
import type { Exchange } from '../../../shared/http/exchange.js'
import type { MirrorProgress } from '../../store/progress.js'
import type { Services } from '../services.js'
import { awaitTurn } from '../turn.js'
import { json, sendJson } from './answer.js'
import { findPage, labelOrder, listQuery, type SortKeys } from './list-query.js'

/** More than a target can be behind, in seconds: each warning comes before that. */
const WARNING_RANK = 1e12

/**
 * Keys by which the list of mirrors can be sorted. By `problem`, targets with warnings come first,
 * then those that are furthest behind.
 */
const SORT_KEYS: SortKeys<MirrorProgress> = {
  problem: ({ warnings, behindSeconds }) => -(warnings.length * WARNING_RANK + behindSeconds),
  labels: ({ labels }) => labelOrder(labels),
  series: ({ series }) => series,
  interval: ({ intervalMs }) => intervalMs,
  behind: ({ behindSeconds }) => behindSeconds,
  out_of_order: ({ outOfOrder }) => outOfOrder,
}

/** `/api/v1/mirrors`: a page of the list of the targets that this gateway mirrors. */
export function mirrors(services: Services) {
  return async (exchange: Exchange): Promise<void> => {
    const query = listQuery(exchange, SORT_KEYS)
    await awaitTurn(exchange, 'page', services)
    const { mirrors } = services.progress()
    const { total, items } = await runInSlices(findPage(mirrors?.list() ?? [], query))
    await sendJson(exchange, () =>
      json({
        enabled: mirrors !== undefined,
        partitions: mirrors?.partitions ?? 0,
        lag_seconds: mirrors?.lagSeconds ?? null,
        total,
        mirrors: items.map(summaryOf),
      }),
    )
  }
}

function summaryOf(mirror: MirrorProgress) {
  return {
    labels: Object.fromEntries(mirror.labels.map(({ name, value }) => [name, value])),
    series: mirror.series,
    has_up: mirror.hasUp,
    interval_seconds: mirror.intervalMs / 1000,
    last_snapshot: mirror.lastSnapshot ?? null,
    behind_seconds: mirror.behindSeconds,
    out_of_order_samples: mirror.outOfOrder,
    warnings: mirror.warnings,
  }
}
