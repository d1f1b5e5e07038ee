import { memoize } from '../base/memoize.js'
import { prefersGzip } from './encoding.js'
import type { Exchange } from './exchange.js'
import { type Sent, sendChunks } from './stream.js'

/** What was sent of a generated body. `result` is what the generator returned, if it ended. */
export interface SentBody<R> extends Sent {
  readonly result: R | undefined
}

/** Memoized: a client sends the same header with each request. */
const wantsGzip = memoize(prefersGzip)

/**
 * Answers 200 with a body that is generated in chunks, compressed if the client prefers that. An
 * empty chunk yields the event loop.
 *
 * @param alive called before each chunk; if false, the response is cut off
 */
export async function sendGenerated<R>(
  exchange: Exchange,
  type: string,
  generate: () => Generator<Buffer, R>,
  alive: () => boolean = () => true,
): Promise<SentBody<R>> {
  exchange.status = 200
  exchange.set('Content-Type', type)
  exchange.vary('Accept-Encoding')
  // The response to HEAD has no body.
  if (exchange.method === 'HEAD') return { bytes: 0, whole: false, result: undefined }
  exchange.respond = false
  const gzip = wantsGzip(exchange.get('accept-encoding'))
  let result: R | undefined
  const chunks = function* () {
    result = yield* generate()
  }
  const { bytes, whole } = await sendChunks(exchange.res, chunks(), { gzip, alive })
  return { bytes, whole, result }
}
