import type { ServerResponse } from 'node:http'

/** Aborted when the client goes away before its response has been finished. */
export function goneSignal(response: ServerResponse): AbortSignal {
  if (response.closed) return AbortSignal.abort()
  const controller = new AbortController()
  response.once('close', () => controller.abort())
  return controller.signal
}
