import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ParsedUrlQuery, parse } from 'node:querystring'

/**
 * A request and its response, reduced to what most handlers need. Implemented by Koa's context, and
 * by `PlainExchange` where Koa costs too much CPU.
 */
export interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly method: string
  /** As received, without the question mark. */
  readonly querystring: string
  readonly query: ParsedUrlQuery
  status: number
  type: string
  body: unknown
  /** False: the handler ends the response itself. */
  respond?: boolean | undefined
  /** @returns a header of the request, or an empty string */
  get(name: string): string
  set(name: string, value: string | string[]): void
  vary(field: string): void
  redirect(url: string): void
}

/** An exchange on Node's own request and response. `end` sends the response. */
export class PlainExchange implements Exchange {
  type = ''
  body: unknown
  respond?: boolean
  #query: ParsedUrlQuery | undefined
  #vary = ''

  constructor(
    readonly req: IncomingMessage,
    readonly res: ServerResponse,
  ) {
    res.statusCode = 404
  }

  get method(): string {
    return this.req.method!
  }

  get querystring(): string {
    const url = this.req.url!
    const at = url.indexOf('?')
    return at < 0 ? '' : url.slice(at + 1)
  }

  get query(): ParsedUrlQuery {
    this.#query ??= parse(this.querystring, '&', '=', ALL_PARAMETERS)
    return this.#query
  }

  get status(): number {
    return this.res.statusCode
  }

  set status(status: number) {
    this.res.statusCode = status
  }

  get(name: string): string {
    const value = this.req.headers[name.toLowerCase()]
    return value === undefined ? '' : String(value)
  }

  set(name: string, value: string | string[]): void {
    this.res.setHeader(name, value)
  }

  vary(field: string): void {
    this.#vary = this.#vary === '' ? field : `${this.#vary}, ${field}`
    this.res.setHeader('Vary', this.#vary)
  }

  redirect(url: string): void {
    this.res.statusCode = 302
    this.res.setHeader('Location', url)
  }

  end(): void {
    const { res } = this
    if (this.respond === false || res.writableEnded || res.headersSent) return
    if (this.body === undefined) {
      res.end()
      return
    }
    const text = String(this.body)
    res.setHeader('Content-Type', this.type)
    res.setHeader('Content-Length', Buffer.byteLength(text))
    res.end(this.method === 'HEAD' ? undefined : text)
  }
}

/** By default Node ignores parameters beyond 1,000. A missing label would select another target. */
const ALL_PARAMETERS = { maxKeys: 0 }
