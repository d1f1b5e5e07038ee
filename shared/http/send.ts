import { remembered } from '../base/remembered.js'
import { prefersGzip } from './encoding.js'
import type { Exchange } from './exchange.js'
import { type Sent, sendChunks } from './stream.js'

/** What was sent of a generated body, and what its generator returned; undefined when it was not run to its end. */
export interface SentBody<R> extends Sent {
  readonly result: R | undefined
}

/** Clients ask in the same words again and again. */
const wantsGzip = remembered(prefersGzip)

/**
 * Answers 200 with a body that is generated in chunks, compressed when the client prefers that. An empty chunk is only a place to
 * let others have the event loop.
 *
 * @param alive asked before every chunk: false cuts the response off
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
  // Nobody reads the body of a HEAD request: it is not made.
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
