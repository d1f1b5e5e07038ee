import type { RequestListener } from 'node:http'
import { Application } from '../../shared/http/application.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { healthy, ready } from '../../shared/http/health.js'
import { observed } from '../../shared/http/request-metrics.js'
import { staticFiles } from '../../shared/http/static-files.js'
import { HANDOVER_PATH } from '../group/handovers.js'
import type { ScrapeResult } from '../telemetry/scrape-result.js'
import { handover } from './handover.js'
import { ledger } from './ledger.js'
import { metrics } from './metrics.js'
import { background, notReady } from './readiness.js'
import { remoteWrite } from './remote-write.js'
import { sd } from './sd.js'
import type { Services } from './services.js'
import { target } from './target.js'
import { targets } from './targets.js'
import { telemetry } from './telemetry.js'

const PROGRAM = 'kafka-exposer'

/**
 * All endpoints of a shard. A new endpoint is a file in this folder with its handler, and a line
 * here.
 */
export function endpoints(services: Services): RequestListener {
  const { web, logger, clock, responses } = services
  const app = new Application({
    web,
    logger,
    realm: PROGRAM,
    limit: responses,
    alias: services.routePrefix,
  })
  const { router } = app
  /** Counts the requests in the shard's metrics by path, and bounds those that wait. */
  const scrape = <C extends Exchange>(
    path: string,
    handler: (ctx: C) => Promise<ScrapeResult | undefined>,
  ) =>
    observed(path, { observer: services.telemetry.scrapes, clock }, async (ctx: C) => {
      responses.admit()
      return handler(ctx)
    })

  app.fastPath('/target', scrape('/target', target(services)))
  router.get('/metrics', scrape('/metrics', metrics(services)))
  router.get('/sd', scrape('/sd', sd(services)))
  router.get('/telemetry', telemetry(services))
  router.get('/api/v1/targets', scrape('/api/v1/targets', targets(services)))
  router.get('/api/v1/ledger', scrape('/api/v1/ledger', ledger(services)))
  router.get('/api/v1/remote-write', remoteWrite(services))
  // Shards have no user name and password of their own: the handler checks their secret.
  app.exempt(HANDOVER_PATH)
  router.get(HANDOVER_PATH, handover(services))
  router.get('/-/healthy', healthy(PROGRAM))
  router.get('/-/ready', ready(PROGRAM, notReady(services), background(services)))
  const page = staticFiles(new URL('../page/', import.meta.url))
  router.get('/', page)
  router.get('/page/:file', page)
  return app.listener()
}
