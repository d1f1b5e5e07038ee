import type { IncomingMessage, ServerResponse } from 'node:http'

/** Long enough for clients that read the response only after they have sent the whole body. */
const DISCARD_MS = 5000

/**
 * Bounds the cost of a request that is answered before the end of its body, such as 401 or 413.
 * The rest of the body is discarded for some seconds, then the connection is closed. Closing it at
 * once would reset it while the client is still sending, and the client would lose the response.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-9.6
 */
export function boundUnreadBody(
  request: IncomingMessage,
  response: ServerResponse,
  discardMs = DISCARD_MS,
): void {
  if (!hasBody(request)) return
  response.once('finish', () => {
    if (request.complete) return
    request.resume()
    const { socket } = request
    const timer = setTimeout(() => socket.destroy(), discardMs)
    request.once('close', () => clearTimeout(timer))
    request.once('end', () => clearTimeout(timer))
  })
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}
