import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { type Exchange, PlainExchange } from '../../shared/http/exchange.js'
import { admit } from '../../shared/http/guard.js'
import type { Services } from '../routes/services.js'

/**
 * `/target` as scrapers ask for it, hundreds of times a second: answered without Koa and its router, which take more CPU than the rest
 * of such an answer. All else, also `/target` in any other way, goes on to `others`, where it has the same handler.
 *
 * @param complain told of what a handler throws
 */
export function front(
  services: Services,
  target: (exchange: Exchange) => Promise<void>,
  others: RequestListener,
  complain: (error: Error) => void,
): RequestListener {
  const answer = async (exchange: PlainExchange) => {
    try {
      if (!services.web || (await admit(exchange, services.web, services.logger))) await target(exchange)
      exchange.end()
    } catch (error) {
      complain(error as Error)
      fail(exchange.res)
    }
  }
  return (request, response) => {
    if (!isTarget(request)) return others(request, response)
    response.on('error', complain)
    void answer(new PlainExchange(request, response))
  }
}

function isTarget({ url, method }: IncomingMessage): boolean {
  return (method === 'GET' || method === 'HEAD') && (url === '/target' || url!.startsWith('/target?'))
}

/** Says that something is wrong with this program; when an answer has begun already, by cutting it off. */
function fail(response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  response.statusCode = 500
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end('Internal Server Error\n')
}
