import type { ServerResponse } from 'node:http'

/** Aborted when the connection is closed before the end of the response. */
export function goneSignal(response: ServerResponse): AbortSignal {
  if (response.closed) return AbortSignal.abort()
  const controller = new AbortController()
  response.once('close', () => controller.abort())
  return controller.signal
}
