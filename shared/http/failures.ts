import type { ServerResponse } from 'node:http'
import type { Logger } from '../base/logger.js'
import type { Exchange } from './exchange.js'
import { ClientGone, Refusal, refuse } from './refusal.js'

const GONE = ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'HPE_INVALID_EOF_STATE']

/** Logs what a handler threw or a connection reported. What a client did is no news; anything else is a mistake in the program. */
export function logFailure(error: Error & { code?: string }, logger: Logger): void {
  const { code = '', message } = error
  if (error instanceof ClientGone || GONE.includes(code)) {
    logger.debug('a client went away', { error })
  } else if (code.startsWith('HPE_')) {
    // Without the bytes of the request, which the error has: they may be a password.
    logger.debug('a client sent bytes that are no request', { reason: message })
  } else logger.error('a request failed, which is a mistake in the program', { error, stack: error.stack })
}

/**
 * Answers a request whose handler threw.
 *
 * @param report told of everything but refusals
 */
export function answerError(exchange: Exchange, error: unknown, report: (error: Error) => void): void {
  if (error instanceof Refusal && !exchange.res.headersSent) {
    refuse(exchange, error)
    return
  }
  report(error instanceof Error ? error : new Error(String(error)))
  exchange.respond = false
  endFailed(exchange.res)
}

/** Says 500, or cuts off a response that has begun, so that its reader sees a failure and not an end. */
function endFailed(response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  response.statusCode = 500
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end('Internal Server Error\n')
}
