import type { ServerResponse } from 'node:http'
import type { Logger } from '../base/logger.js'
import { ClientGone } from './refusal.js'

const GONE = ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']

/** Logs what a handler threw. A client that went away is no news; anything else is a mistake in the program. */
export function logFailure(error: Error & { code?: string; expose?: boolean }, logger: Logger): void {
  // Koa's own refusals.
  if (error.expose) return
  if (error instanceof ClientGone || GONE.includes(error.code ?? '')) {
    logger.debug('a client went away', { error })
  } else logger.error('a request failed, which is a mistake in the program', { error, stack: error.stack })
}

/** Answers 500. A response that has begun is cut off instead, so that its reader sees a failure and not an end. */
export function answerFailure(response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  response.statusCode = 500
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end('Internal Server Error\n')
}
