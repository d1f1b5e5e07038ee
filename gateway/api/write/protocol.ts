import { memoize } from '../../../shared/base/memoize.js'
import { parseContentType } from '../../../shared/http/content-type.js'
import { Refusal } from '../../../shared/http/refusal.js'
import type { WriteProtocol } from '../../../shared/metrics/remote-write/request.js'

const TYPE = 'application/x-protobuf'
/** Protocols by the name of their message. */
const PROTOCOLS: Readonly<Record<string, WriteProtocol>> = {
  'prometheus.WriteRequest': '1.0',
  'io.prometheus.write.v2.Request': '2.0',
}

const protocolFor = memoize((contentType): WriteProtocol | 'unknown' => {
  const parsed = parseContentType(contentType)
  if (parsed?.type !== TYPE) return 'unknown'
  const message = parsed.parameters.get('proto')
  if (message === undefined) return '1.0'
  return Object.hasOwn(PROTOCOLS, message) ? PROTOCOLS[message] : 'unknown'
})

/**
 * The protocol that the content type of a request names. Without one it is 1.0, as for Prometheus.
 *
 * @throws Refusal 415
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/#content-type
 */
export function protocolOf(contentType: string): WriteProtocol {
  const protocol = contentType === '' ? '1.0' : protocolFor(contentType)
  if (protocol !== 'unknown') return protocol
  const known = Object.keys(PROTOCOLS).map(message => `${TYPE};proto=${message}`)
  throw new Refusal(
    415,
    `unsupported Content-Type ${JSON.stringify(contentType.slice(0, 128))}: use ${TYPE}, ${known.join(' or ')}`,
  )
}
