import type { RequestListener } from 'node:http'
import { Application } from '../../shared/http/application.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { healthy, ready } from '../../shared/http/health.js'
import { lifecycle } from '../../shared/http/lifecycle.js'
import { observed } from '../../shared/http/request-metrics.js'
import { sendGenerated } from '../../shared/http/send.js'
import { staticFiles } from '../../shared/http/static-files.js'
import type { Services } from './services.js'
import { status } from './status.js'
import { targets } from './targets.js'
import { awaitTurn } from './turn.js'

const PROGRAM = 'kafka-exposer'

/** All endpoints of an agent. */
export function endpoints(services: Services): RequestListener {
  const { web, logger, clock } = services
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

  router.get('/metrics', counted('metrics', metrics(services)))
  router.get('/api/v1/targets', counted('api/v1/targets', targets(services)))
  router.get('/api/v1/status', counted('api/v1/status', status(services)))
  router.get('/-/healthy', healthy(PROGRAM))
  router.get('/-/ready', ready(PROGRAM, services.trouble, services.impairment))
  lifecycle(app, { reload: services.reload, quit: services.quit })
  const page = staticFiles(new URL('../page/', import.meta.url))
  router.get('/', page)
  router.get('/targets', page)
  router.get('/page/:file', page)
  return app.listener()
}

/** `/metrics`: the agent's own metrics. */
function metrics(services: Services) {
  return async (exchange: Exchange): Promise<void> => {
    await awaitTurn(exchange, 'scrapes', services)
    const text = Buffer.from(await services.telemetry.text())
    const { contentType } = services.telemetry.registry
    await sendGenerated(exchange, contentType, function* () {
      yield text
    })
  }
}
