import type { RequestListener } from 'node:http'
import Router from '@koa/router'
import Koa, { type Context, type Next } from 'koa'
import { answerError, logFailure } from './failures.js'
import { fastPaths, type Handler } from './fast-path.js'
import { admit, type Guard } from './guard.js'
import { sayWhy } from './say-why.js'
import { boundUnreadBody } from './unread-body.js'

export interface ApplicationOptions extends Guard {
  /** Stands before every path, as `routePrefix` gives it; empty by default. */
  readonly prefix?: string
  /** How long the rest of a body is discarded whose request has been answered, ms. */
  readonly discardMs?: number
}

/**
 * What a program serves over HTTP: its routes are added, then `listener` answers. Knows nothing of sockets.
 *
 * Every response that is no success is one line of plain text: a `Refusal` that a handler throws, an unknown path (404), a
 * method that a path does not have (405), a mistake in a handler (500, logged).
 */
export class Application {
  readonly router: Router
  readonly #prefix: string
  readonly #fast = new Map<string, Handler>()

  constructor(private readonly options: ApplicationOptions) {
    this.#prefix = options.prefix ?? ''
    this.router = new Router(this.#prefix ? { prefix: this.#prefix } : {})
  }

  /**
   * A route for GET and HEAD that costs less CPU than those of the router, for a path that is asked hundreds of times a
   * second. The handler gets no more than an `Exchange`.
   */
  fastPath(path: string, handler: Handler): void {
    this.router.get(path, handler)
    this.#fast.set(this.#prefix + path, handler)
  }

  /** All routes are there by now. */
  listener(): RequestListener {
    const report = (error: Error) => logFailure(error, this.options.logger)
    const app = new Koa()
    app.on('error', report)
    app.use((ctx, next) => next().catch(error => answerError(ctx, error, report)))
    app.use(async (ctx, next) => {
      if (await admit(ctx, this.options)) await next()
    })
    app.use(answerUnrouted)
    if (this.#prefix) app.use(redirectTo(`${this.#prefix}/`))
    app.use(this.router.routes())
    app.use(this.router.allowedMethods())
    const answer = fastPaths(
      { handlers: this.#fast, admit: exchange => admit(exchange, this.options), report },
      app.callback(),
    )
    return (request, response) => {
      boundUnreadBody(request, response, this.options.discardMs)
      return answer(request, response)
    }
  }
}

/** Says in words what the router says by a status. */
async function answerUnrouted(ctx: Context, next: Next): Promise<void> {
  await next()
  if (ctx.respond === false || ctx.body != null) return
  if (ctx.status === 404) sayWhy(ctx, 404, 'Not Found')
  if (ctx.status === 405) {
    sayWhy(ctx, 405, `${ctx.method} is not allowed here; allowed: ${ctx.response.get('Allow')}`)
  }
  if (ctx.status === 501) sayWhy(ctx, 501, `no path has the method ${ctx.method}`)
}

/** `/` leads to where the page is. */
function redirectTo(path: string) {
  return async (ctx: Context, next: Next): Promise<void> => {
    if (ctx.path === '/' && (ctx.method === 'GET' || ctx.method === 'HEAD')) ctx.redirect(path)
    else await next()
  }
}
