import type { IncomingMessage, RequestListener } from 'node:http'
import { type Exchange, PlainExchange } from './exchange.js'
import { answerError } from './failures.js'

export type Handler = (exchange: Exchange) => Promise<void>

/**
 * Returns the handler of a request by its method and its path as received, or undefined.
 */
export type Finder = (method: string, path: string) => Handler | undefined

export interface FastPaths {
  /** Handlers of GET and HEAD by path. */
  readonly handlers: ReadonlyMap<string, Handler>
  /** Asked for every other request. */
  readonly find?: Finder | undefined
  readonly admit: (exchange: Exchange) => Promise<boolean>
  /** Called for errors of handlers. */
  readonly report: (error: Error) => void
}

/**
 * Answers the requests of a few paths without Koa and its router, which cost more CPU than the rest
 * of a small response. Any other request goes to `others`, also one whose path has another
 * spelling: the router has the same handlers.
 */
export function fastPaths(
  { handlers, find, admit, report }: FastPaths,
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
    const handler = handlerOf(request, handlers, find)
    if (!handler) return others(request, response)
    response.on('error', report)
    void answer(new PlainExchange(request, response), handler)
  }
}

function handlerOf(
  { url, method }: IncomingMessage,
  handlers: ReadonlyMap<string, Handler>,
  find: Finder | undefined,
): Handler | undefined {
  const query = url!.indexOf('?')
  const path = query < 0 ? url! : url!.slice(0, query)
  const isRead = method === 'GET' || method === 'HEAD'
  return (isRead ? handlers.get(path) : undefined) ?? find?.(method!, path)
}
