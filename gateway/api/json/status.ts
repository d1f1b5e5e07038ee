import type { Exchange } from '../../../shared/http/exchange.js'
import type { StoreProgress } from '../../store/progress.js'
import type { Services } from '../services.js'
import { json, sendJson } from './answer.js'

/** `/api/v1/status`: version, flags and start time, as Pushgateway's; and what is held. */
export function status(services: Services) {
  const { status, store, trouble, adminApi } = services
  const { version, flags, startTime } = status
  return async (exchange: Exchange): Promise<void> => {
    await sendJson(exchange, () =>
      json({
        flags,
        start_time: startTime.toISOString(),
        build_information: {
          version,
          revision: '',
          branch: '',
          buildUser: '',
          buildDate: '',
          nodeVersion: process.versions.node,
        },
        store: {
          kind: status.store,
          trouble: trouble() ?? null,
          impairment: services.impairment() ?? null,
          ...store.held(),
          ...progressOf(services.progress()),
        },
        admin_api: adminApi,
        paths: services.paths,
      }),
    )
  }
}

function progressOf({ log, publishing, mirrors }: StoreProgress) {
  return {
    log: log
      ? {
          topic: log.topic,
          time: log.time,
          applied_offset: log.appliedOffset,
          lag_records: log.lagRecords,
          lag_seconds: log.lagSeconds ?? null,
          snapshot: log.snapshot ?? null,
        }
      : null,
    publishing: publishing ? { owner: publishing.isOwner, targets: publishing.targets } : null,
    mirrors: mirrors
      ? {
          partitions: mirrors.partitions,
          targets: mirrors.targets,
          lag_seconds: mirrors.lagSeconds,
        }
      : null,
  }
}
