import { Slice } from '../../../shared/base/scheduling.js'
import type { Exchange } from '../../../shared/http/exchange.js'
import type { MirrorProgress } from '../../store/progress.js'
import type { Services } from '../services.js'
import { awaitTurn } from '../turn.js'
import { json, sendJson } from './answer.js'

const MAX_LISTED = 1000

/**
 * `/api/v1/mirrors`: the targets that this gateway mirrors, those with warnings first, then those
 * that are furthest behind.
 */
export function mirrors(services: Services) {
  return async (exchange: Exchange): Promise<void> => {
    await awaitTurn(exchange, 'page', services)
    const { mirrors } = services.progress()
    const slice = new Slice()
    const all: MirrorProgress[] = []
    for (const mirror of mirrors?.list() ?? []) {
      all.push(mirror)
      if (slice.isOver()) await slice.next()
    }
    const listed = all
      .sort((a, b) => b.warnings.length - a.warnings.length || b.behindSeconds - a.behindSeconds)
      .slice(0, MAX_LISTED)
    await sendJson(exchange, () =>
      json({
        enabled: mirrors !== undefined,
        partitions: mirrors?.partitions ?? 0,
        lag_seconds: mirrors?.lagSeconds ?? null,
        total: all.length,
        mirrors: listed.map(summaryOf),
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
