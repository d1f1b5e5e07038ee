import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

const callbacks = new WeakMap<Socket, Set<() => void>>()

/**
 * Calls back once, when the response has ended or its connection is closed. The event `close` of a
 * response is not enough: of pipelined requests, Node emits it for the first one only.
 */
export function onceClosed(response: ServerResponse, callback: () => void): void {
  const { socket } = response.req
  if (response.closed || socket.destroyed) {
    callback()
    return
  }
  const waiting = callbacks.get(socket) ?? watch(socket)
  waiting.add(callback)
  response.once('close', () => {
    if (waiting.delete(callback)) callback()
  })
}

function watch(socket: Socket): Set<() => void> {
  const waiting = new Set<() => void>()
  callbacks.set(socket, waiting)
  socket.once('close', () => {
    for (const callback of waiting) callback()
    waiting.clear()
  })
  return waiting
}

/** Aborted when the connection is closed before the end of the response. */
export function goneSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  onceClosed(response, () => controller.abort())
  return controller.signal
}
