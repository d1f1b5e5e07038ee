import type { IncomingMessage } from 'node:http'
import { ClientGone } from '../refusal.js'

/**
 * Reads the chunks of a body with backpressure: the next chunk is read when `take` has taken the
 * last one, and the body has ended when the last chunk is taken. After a failure the rest of the
 * body is discarded; `boundUnreadBody` bounds the cost.
 *
 * @throws ClientGone when the connection is closed before the end of the body
 * @throws what `take` throws, or `timeoutError` when the body takes longer than `timeoutMs`
 */
export function receive(
  request: IncomingMessage,
  take: (chunk: Buffer) => void | Promise<void>,
  { timeoutMs, timeoutError }: { readonly timeoutMs: number; readonly timeoutError: () => Error },
): Promise<void> {
  return new Promise((resolve, reject) => {
    /** Of the last chunk. */
    let taking: Promise<void> | undefined
    const settle = (error?: Error) => {
      clearTimeout(timer)
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone)
      if (error === undefined) return resolve()
      request.resume()
      reject(error)
    }
    const onData = (chunk: Buffer) => {
      try {
        taking = take(chunk) || undefined
        if (!taking) return
        request.pause()
        taking.then(() => request.resume(), settle)
      } catch (error) {
        settle(error as Error)
      }
    }
    const onEnd = () => {
      // A pause does not hold back the end behind the last chunk, nor that the request is closed.
      request.off('close', onGone)
      if (taking) taking.then(() => settle(), settle)
      else settle()
    }
    const onGone = () => settle(new ClientGone())
    const timer = setTimeout(() => settle(timeoutError()), timeoutMs)
    request.on('data', onData).once('end', onEnd).once('error', onGone).once('close', onGone)
  })
}
