import type { RequestListener } from 'node:http'
import Router from '@koa/router'
import Koa, { type Context, type Next } from 'koa'
import { logFailure } from './failures.js'
import { fastPaths, type Handler } from './fast-path.js'
import { admit, type Guard } from './guard.js'
import { Refusal, refuse } from './refusal.js'
import { sayWhy } from './say-why.js'
import { boundUnreadBody } from './unread-body.js'

export interface ApplicationOptions extends Guard {
  /** Stands before every path, as `routePrefix` gives it; empty by default. */
  readonly prefix?: string
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
    app.use(answerRefusals)
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
      boundUnreadBody(request, response)
      return answer(request, response)
    }
  }
}

async function answerRefusals(ctx: Context, next: Next): Promise<void> {
  try {
    await next()
  } catch (error) {
    if (!(error instanceof Refusal) || ctx.headerSent) throw error
    refuse(ctx, error)
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
