import type { ServerResponse } from 'node:http'
import type { Logger } from '../base/logger.js'
import type { Exchange } from './exchange.js'
import { ClientGone, Refusal, refuse } from './refusal.js'

const CONNECTION_CLOSED = [
  'ECONNRESET',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'HPE_INVALID_EOF_STATE',
]

/** Logs an error of a handler or a connection: at level debug when a client caused it. */
export function logFailure(error: Error & { code?: string }, logger: Logger): void {
  const { code = '', message } = error
  if (error instanceof ClientGone || CONNECTION_CLOSED.includes(code)) {
    logger.debug('a client closed its connection', { error })
  } else if (code.startsWith('HPE_')) {
    // Do not log the error: it contains bytes of the request, which may include a password.
    logger.debug('a client sent a malformed request', { reason: message })
  } else logger.error('a request failed because of a bug', { error, stack: error.stack })
}

/**
 * Answers a request after its handler threw.
 *
 * @param report called for errors other than refusals
 */
export function answerError(
  exchange: Exchange,
  error: unknown,
  report: (error: Error) => void,
): void {
  if (error instanceof Refusal && !exchange.res.headersSent) {
    refuse(exchange, error)
    return
  }
  report(error instanceof Error ? error : new Error(String(error)))
  exchange.respond = false
  endFailed(exchange.res)
}

/** Answers 500. A response that has begun is cut off, so that the client sees a failure. */
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
