import type { Context } from 'koa'
import type { Services } from './services.js'

/** `/api/v1/status`: what the page shows besides the targets. */
export function status({ scraping, targets, trouble, impairment, version }: Services) {
  return async (ctx: Context): Promise<void> => {
    const { collections, failures, superseded, refused, held } = targets.totals()
    ctx.body = {
      status: 'success',
      data: {
        version,
        trouble: trouble() ?? null,
        impairment: impairment() ?? null,
        targets: targets.size,
        collections: { total: collections, failed: failures },
        delivery: { superseded, refused, pending: held },
        jobs: [...scraping.pools].map(pool => ({
          name: pool.job.name,
          targets: pool.size,
          dropped: pool.droppedCount,
          invalid: pool.invalid.slice(0, 10),
          problems: pool.problems,
        })),
      },
    }
  }
}
