import type { IncomingMessage, RequestListener } from 'node:http'
import { type Exchange, PlainExchange } from './exchange.js'
import { answerError } from './failures.js'

export type Handler = (exchange: Exchange) => Promise<void>

export interface FastPaths {
  /** By path, without a query. */
  readonly handlers: ReadonlyMap<string, Handler>
  readonly admit: (exchange: Exchange) => Promise<boolean>
  /** Told of what a handler throws. */
  readonly report: (error: Error) => void
}

/**
 * GET and HEAD of a few paths that are asked hundreds of times a second, answered without Koa and its router, which take more
 * CPU than the rest of a small response. Everything else, also such a path in any other spelling, goes to `others`, where it
 * has the same handler.
 */
export function fastPaths({ handlers, admit, report }: FastPaths, others: RequestListener): RequestListener {
  const answer = async (exchange: PlainExchange, handler: Handler) => {
    try {
      if (await admit(exchange)) await handler(exchange)
      exchange.end()
    } catch (error) {
      answerError(exchange, error, report)
      exchange.end()
    }
  }
  return (request, response) => {
    const handler = handlerOf(request, handlers)
    if (!handler) return others(request, response)
    response.on('error', report)
    void answer(new PlainExchange(request, response), handler)
  }
}

function handlerOf(
  { url, method }: IncomingMessage,
  handlers: ReadonlyMap<string, Handler>,
): Handler | undefined {
  if (method !== 'GET' && method !== 'HEAD') return undefined
  const query = url!.indexOf('?')
  return handlers.get(query < 0 ? url! : url!.slice(0, query))
}
