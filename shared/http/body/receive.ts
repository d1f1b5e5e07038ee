import type { IncomingMessage } from 'node:http'
import { ClientGone } from '../refusal.js'

/**
 * Hands over the chunks of a body as they arrive, the next one when `take` has taken the one before. After a failure the rest
 * is discarded; what that may cost is bounded elsewhere, for all requests.
 *
 * @param late what to reject with when the body has not arrived within `timeoutMs`
 */
export function receive(
  request: IncomingMessage,
  take: (chunk: Buffer) => void | Promise<void>,
  { timeoutMs, late }: { readonly timeoutMs: number; readonly late: () => Error },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      clearTimeout(timer)
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone)
      if (error === undefined) return resolve()
      request.resume()
      reject(error)
    }
    const onData = (chunk: Buffer) => {
      try {
        const taking = take(chunk)
        if (!taking) return
        request.pause()
        taking.then(() => request.resume(), settle)
      } catch (error) {
        settle(error as Error)
      }
    }
    const onEnd = () => settle()
    const onGone = () => settle(new ClientGone())
    const timer = setTimeout(() => settle(late()), timeoutMs)
    request.on('data', onData).once('end', onEnd).once('error', onGone).once('close', onGone)
  })
}
