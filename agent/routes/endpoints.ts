import type { RequestListener } from 'node:http'
import type { Context } from 'koa'
import { Application } from '../../shared/http/application.js'
import type { Exchange } from '../../shared/http/exchange.js'
import { healthy, ready } from '../../shared/http/health.js'
import { observed } from '../../shared/http/request-metrics.js'
import { sayWhy } from '../../shared/http/say-why.js'
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
  for (const [path, handler] of [
    ['/-/reload', reload(services)],
    ['/-/quit', quit(services)],
  ] as const) {
    router.get(path, (ctx: Context) => sayWhy(ctx, 405, 'Only POST or PUT requests allowed.'))
    router.put(path, handler)
    router.post(path, handler)
  }
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

/** `/-/reload`: reads the configuration file again, if that is enabled. */
function reload({ reload }: Services) {
  return async (ctx: Context): Promise<void> => {
    if (!reload) {
      sayWhy(ctx, 403, 'Lifecycle API is not enabled.')
      return
    }
    const problem = await reload()
    if (problem === undefined) ctx.status = 200
    else sayWhy(ctx, 500, `failed to reload config: ${problem}`)
    ctx.body ??= ''
  }
}

/** `/-/quit`: ends the program, if that is enabled. */
function quit({ quit }: Services) {
  return (ctx: Context): void => {
    if (!quit) {
      sayWhy(ctx, 403, 'Lifecycle API is not enabled.')
      return
    }
    sayWhy(ctx, 200, 'Requesting termination... Goodbye!')
    quit()
  }
}
