import type { IncomingMessage, RequestListener } from 'node:http'
import { type Exchange, PlainExchange } from './exchange.js'
import { answerError } from './failures.js'

export type Handler = (exchange: Exchange) => Promise<void>

export interface FastPaths {
  /** Handlers by path. */
  readonly handlers: ReadonlyMap<string, Handler>
  readonly admit: (exchange: Exchange) => Promise<boolean>
  /** Called for errors of handlers. */
  readonly report: (error: Error) => void
}

/**
 * Answers GET and HEAD requests of a few paths without Koa and its router, which cost more CPU than
 * the rest of a small response. Any other request goes to `others`, also one whose path has another
 * spelling: the router has the same handler.
 */
export function fastPaths(
  { handlers, admit, report }: FastPaths,
  others: RequestListener,
): RequestListener {
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
