import { memoize } from '../../shared/base/memoize.js'
import { parseContentType } from '../../shared/http/content-type.js'
import type { Exchange } from '../../shared/http/exchange.js'
import type { Label } from '../../shared/metrics/model.js'
import type { Method, PushedFamily, PushRequest } from '../state/types.js'
import type { BodyFormat } from './body-reader.js'
import { expiryOf } from './expiry.js'
import { groupingKeyOf } from './grouping.js'
import { InconsistentPush } from './refused-push.js'
import { randomId, requestId } from './request-id.js'
import type { Services } from './services.js'
import { orUnavailable, submit } from './submit.js'

/** A request to a push group. */
export interface GroupRequest {
  readonly method: Extract<Method, 'put' | 'post' | 'accumulate' | 'delete'>
  /** As received, without the route prefix and the query. */
  readonly path: string
  /** Of the path, from `job` on, decoded. */
  readonly components: readonly string[]
}

const ACCEPTED = 202
const OK = 200

/** Stores a push, or adds it to what the group has. */
export function push(services: Services) {
  const { options, capacity } = services
  return async (exchange: Exchange, request: GroupRequest): Promise<void> => {
    const labels = groupingKeyOf(request.components, options)
    const id = requestId(exchange.method, request.path, exchange.get('idempotency-key'))
    const expiryMs = expiryOf(exchange, options.expiryMs)
    const body = { id, labels, expiryMs, checked: options.checked, method: request.method }
    const families = await readFamilies(exchange, body, request.path, services)
    const pushed = { ...body, families }
    await orUnavailable(() => capacity.admit(pushed))
    await submit(exchange, pushed, options.checked ? OK : ACCEPTED, services)
  }
}

/** Deletes a push group, whether it exists or not. */
export function remove(services: Services) {
  const { options } = services
  return async (exchange: Exchange, { path, components }: GroupRequest): Promise<void> => {
    const labels = groupingKeyOf(components, options)
    const id = requestId(exchange.method, path, exchange.get('idempotency-key'))
    const request: PushRequest = {
      id,
      method: 'delete',
      labels,
      families: [],
      expiryMs: 0,
      checked: false,
    }
    await submit(exchange, request, ACCEPTED, services)
  }
}

/** Reads the body. A body that is inconsistent in itself leaves the time of a failed push. */
async function readFamilies(
  exchange: Exchange,
  request: Omit<PushRequest, 'families'>,
  path: string,
  services: Services,
): Promise<PushedFamily[]> {
  const { bodies, readers, telemetry } = services
  const body = await bodies.read(exchange)
  telemetry.pushBytes.observe('', body.length)
  try {
    return await readers.read(path, request.labels, formatOf(exchange), body)
  } catch (error) {
    if (error instanceof InconsistentPush) await storeFailure(request, services)
    throw error
  }
}

async function storeFailure(
  { labels, expiryMs }: { readonly labels: readonly Label[]; readonly expiryMs: number },
  { store, capacity, admission }: Pick<Services, 'store' | 'capacity' | 'admission'>,
): Promise<void> {
  // The client may repeat the request with another body: the id of the request is not used.
  const id = randomId()
  const rejected = { id, method: 'reject', labels, families: [], expiryMs, checked: false } as const
  await orUnavailable(async () => {
    await capacity.admit(rejected)
    await admission.run(() => store.submit(rejected))
  })
}

const PROTOBUF = 'application/vnd.google.protobuf'
const MESSAGE = 'io.prometheus.client.MetricFamily'

/** As in Pushgateway: whatever is not delimited protobuf is text. */
const formatFor = memoize((header): BodyFormat => {
  const parsed = header.includes('protobuf') ? parseContentType(header) : undefined
  const isProtobuf =
    parsed?.type === PROTOBUF &&
    parsed.parameters.get('encoding') === 'delimited' &&
    parsed.parameters.get('proto') === MESSAGE
  return isProtobuf ? 'protobuf' : 'text'
})

function formatOf(exchange: Exchange): BodyFormat {
  return formatFor(exchange.get('content-type'))
}
