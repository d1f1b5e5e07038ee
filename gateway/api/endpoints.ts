import type { RequestListener } from 'node:http'
import { Application } from '../../shared/http/application.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { healthy, ready } from '../../shared/http/health.js'
import { lifecycle } from '../../shared/http/lifecycle.js'
import { observed } from '../../shared/http/request-metrics.js'
import { staticFiles } from '../../shared/http/static-files.js'
import { findPush } from './find.js'
import { group, groups } from './json/groups.js'
import { apiMetrics } from './json/metrics.js'
import { mirrors } from './json/mirrors.js'
import { status } from './json/status.js'
import { metrics, telemetry } from './metrics.js'
import type { Services } from './services.js'

const PROGRAM = 'kafka-exposer'

/** All endpoints of a gateway. Those of pushes are in `find.ts`. */
export function endpoints(services: Services): RequestListener {
  const { web, logger, clock, paths } = services
  const app = new Application({
    web,
    logger,
    realm: PROGRAM,
    limit: services.responses,
    alias: services.routePrefix,
  })
  const { router } = app
  const counted = <C extends Exchange>(name: string, handler: (ctx: C) => Promise<void>) =>
    observed(name, { observer: services.telemetry.requests, clock }, handler)

  app.fastFinder(findPush(services))
  app.fastPath(paths.metrics, counted('metrics', metrics(services)))
  router.get(paths.telemetry, counted('telemetry', telemetry(services)))
  router.get('/api/v1/metrics', counted('api/v1/metrics', apiMetrics(services)))
  router.get('/api/v1/status', counted('api/v1/status', status(services)))
  router.get('/api/v1/groups', counted('api/v1/groups', groups(services)))
  router.get('/api/v1/group', counted('api/v1/group', group(services)))
  router.get('/api/v1/mirrors', counted('api/v1/mirrors', mirrors(services)))
  router.get('/-/healthy', healthy(PROGRAM))
  router.get('/-/ready', ready(PROGRAM, services.trouble, services.impairment))
  lifecycle(app, { quit: services.quit })
  const page = staticFiles(new URL('../page/', import.meta.url))
  router.get('/', page)
  router.get('/status', page)
  router.get('/page/:file', page)
  return app.listener()
}
