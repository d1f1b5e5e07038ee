import type { RequestListener } from 'node:http'
import Router from '@koa/router'
import Koa, { type Context, type Next } from 'koa'
import { closeWithConnection } from './client-gone.js'
import { answerError, logFailure } from './failures.js'
import { type Finder, fastPaths, type Handler } from './fast-path.js'
import { admit, type Guard } from './guard.js'
import type { ResponseLimit } from './limit/response-limit.js'
import { sayWhy } from './say-why.js'
import { boundUnreadBody } from './unread-body.js'

export interface ApplicationOptions extends Guard {
  /** Prefix of every path, from `routePrefix`. Default: none. */
  readonly prefix?: string
  /** A second prefix, from `routePrefix`: every path is served with and without it. */
  readonly alias?: string
  /** How long the unread rest of a body is discarded after the response, ms. */
  readonly discardMs?: number
  /** Bounds the requests and responses in progress. Default: unbounded. */
  readonly limit?: ResponseLimit
}

/**
 * The HTTP application of a program: the program adds its routes and hands `listener` to its
 * server.
 *
 * Errors are one line of plain text: a `Refusal` that a handler throws, an unknown path (404), a
 * method that the path does not have (405), a bug in a handler (500, logged).
 */
export class Application {
  readonly router: Router
  readonly #prefix: string
  readonly #fast = new Map<string, Handler>()
  readonly #exempt = new Set<string>()
  #find: Finder | undefined

  constructor(private readonly options: ApplicationOptions) {
    this.#prefix = options.prefix ?? ''
    this.router = new Router(this.#prefix ? { prefix: this.#prefix } : {})
  }

  /**
   * A route for GET and HEAD that bypasses Koa and its router, for a path that gets hundreds of
   * requests per second. Its handler gets an `Exchange` instead of Koa's context.
   */
  fastPath(path: string, handler: Handler): void {
    this.router.get(path, handler)
    this.#fast.set(this.#prefix + path, handler)
  }

  /**
   * Handlers that bypass Koa and its router, for paths that are no fixed texts. There can be one
   * function. It gets paths without the alias.
   */
  fastFinder(find: Finder): void {
    this.#find = find
  }

  /** No user name and password are required for this path: its handler checks who asks. */
  exempt(path: string): void {
    this.#exempt.add(this.#prefix + path)
  }

  /** Call it after all routes have been added. */
  listener(): RequestListener {
    const report = (error: Error) => logFailure(error, this.options.logger)
    const app = new Koa()
    app.on('error', report)
    app.use((ctx, next) => next().catch(error => answerError(ctx, error, report)))
    app.use(async (ctx, next) => {
      if (this.#exempt.has(ctx.path) || (await admit(ctx, this.options))) await next()
    })
    app.use(answerUnrouted)
    if (this.#prefix) app.use(redirectTo(`${this.#prefix}/`))
    const { limit, alias } = this.options
    if (alias) app.use(completeAlias(alias))
    app.use(this.router.routes())
    app.use(this.router.allowedMethods())
    const answer = fastPaths(
      {
        handlers: this.#fast,
        find: this.#find,
        admit: exchange => admit(exchange, this.options),
        report,
      },
      app.callback(),
    )
    return (request, response) => {
      if (limit && !limit.begin(request, response)) return
      if (alias) request.url = withoutAlias(request.url!, alias)
      closeWithConnection(response)
      boundUnreadBody(request, response, this.options.discardMs)
      return answer(request, response)
    }
  }
}

/** Adds a message to the statuses that the router sets. */
async function answerUnrouted(ctx: Context, next: Next): Promise<void> {
  await next()
  if (ctx.respond === false || ctx.body != null) return
  if (ctx.status === 404) sayWhy(ctx, 404, 'Not Found')
  if (ctx.status === 405) {
    sayWhy(ctx, 405, `${ctx.method} is not allowed here; allowed: ${ctx.response.get('Allow')}`)
  }
  if (ctx.status === 501) sayWhy(ctx, 501, `the method ${ctx.method} is not supported`)
}

/** `/alias/path` is `/path`, so that a proxy in front may remove the prefix or not. */
function withoutAlias(url: string, alias: string): string {
  return url.startsWith(`${alias}/`) ? url.slice(alias.length) : url
}

/** Redirects `/alias` to `/alias/`, where the relative links of the page work. */
function completeAlias(alias: string) {
  return async (ctx: Context, next: Next): Promise<void> => {
    await next()
    if (ctx.path === alias && ctx.status === 404 && ctx.body == null) ctx.redirect(`${alias}/`)
  }
}

/** Redirects `/` to the page, as Prometheus does. */
function redirectTo(path: string) {
  return async (ctx: Context, next: Next): Promise<void> => {
    if (ctx.path === '/' && (ctx.method === 'GET' || ctx.method === 'HEAD')) ctx.redirect(path)
    else await next()
  }
}
