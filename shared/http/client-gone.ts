import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const signals = new WeakMap<ServerResponse, AbortSignal>()

/**
 * Aborted when the connection is closed before the end of the response. One signal per response,
 * however often it is asked for.
 */
export function goneSignal(response: ServerResponse): AbortSignal {
  const known = signals.get(response)
  if (known) return known
  if (response.closed || response.destroyed) return AbortSignal.abort()
  const controller = new AbortController()
  response.once('close', () => controller.abort())
  signals.set(response, controller.signal)
  return controller.signal
}

/** Responses that wait for the end of another one on their connection. */
const queued = new WeakMap<Socket, Set<ServerResponse>>()

/**
 * Closes a pipelined response together with its connection. Node emits `close` only for the
 * response that it is writing: those queued behind it would never end, nor release what they hold.
 */
export function closeWithConnection(response: ServerResponse): void {
  // The response that is being written has the socket.
  if (response.socket) return
  const { socket } = response.req
  const responses = queued.get(socket) ?? watch(socket)
  responses.add(response)
  response.once('close', () => responses.delete(response))
}

function watch(socket: Socket): Set<ServerResponse> {
  const responses = new Set<ServerResponse>()
  queued.set(socket, responses)
  socket.once('close', () => {
    for (const response of responses) {
      if (response.socket) continue
      response.destroy()
      response.emit('close')
    }
  })
  return responses
}
