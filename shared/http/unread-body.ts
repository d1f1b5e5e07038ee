import type { IncomingMessage, ServerResponse } from 'node:http'

/** Long enough for a client that sends its whole body before it reads the response. */
const DISCARD_MS = 5000

/**
 * Bounds what a request costs that is answered before its body has arrived, such as 401 or 413. Closing the connection at
 * once would destroy the response on its way, because the client is still sending; so the rest of the body is discarded
 * for some seconds, and then the connection is closed.
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
