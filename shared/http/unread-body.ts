import type { IncomingMessage, ServerResponse } from 'node:http'

/** Long enough for clients that read the response only after they have sent the whole body. */
const DISCARD_MS = 5000
/** Chunks that are discarded whatever their size: bodies of honest clients have larger ones. */
const FREE_CHUNKS = 1000
/** Mean size of further chunks, bytes: Node spends a microsecond on a chunk of any size. */
const MIN_CHUNK = 16

/**
 * Bounds the cost of a request that is answered before the end of its body, such as 401 or 413.
 * The rest of the body is discarded for some seconds, then the connection is closed. Closing it at
 * once would reset it while the client is still sending, and the client would lose the response. A
 * client that sends many small chunks loses it: some tens of them would use a core.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-9.6
 */
export function boundUnreadBody(
  request: IncomingMessage,
  response: ServerResponse,
  discardMs = DISCARD_MS,
): void {
  if (!hasBody(request)) return
  // Node itself discards what nobody has begun to read when the response is finished, uncounted.
  response.once('prefinish', () => {
    if (!request.complete && !request.readableDidRead) closeOnSmallChunks(request)
  })
  response.once('finish', () => {
    if (request.complete) return
    request.resume()
    const { socket } = request
    const timer = setTimeout(() => socket.destroy(), discardMs)
    request.once('close', () => clearTimeout(timer))
    request.once('end', () => clearTimeout(timer))
  })
}

function closeOnSmallChunks(request: IncomingMessage): void {
  let chunks = 0
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (++chunks > FREE_CHUNKS && bytes < chunks * MIN_CHUNK) request.socket.destroy()
  })
  request.read(0)
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}
