import type { Logger } from '../../base/logger.js'
import type { KafkaConfig } from '../types.js'
import {
  type ApiName,
  apiKey,
  createConnection,
  type Encoded,
  type Exchange,
  exchange,
  newestVersion,
  type QueuedRequest,
  type RawConnection,
  type VersionRanges,
} from './internals.js'

/**
 * A request. The client library encodes it and decodes its response, unless `encode` and `decode`
 * are set.
 */
export interface BrokerRequest {
  readonly api: ApiName
  readonly version: number
  readonly args: object
  readonly encode?: () => Encoded
  readonly decode?: (payload: Buffer) => object
  /** Leave the error codes of the response to the caller. */
  readonly raw?: boolean
}

/**
 * The interface to the client library: one connection to one broker. Everything else in
 * `shared/kafka` uses this, `createErrorFromCode` of `internals.ts`, and
 * `error-kind.ts`. Another library can replace kafkajs by implementing these.
 */
export interface BrokerConnection {
  /** Whether it is connected and has not been closed by either end. */
  readonly isOpen: boolean
  /** Connects by TCP or TLS, requests the supported API versions and authenticates. Once only. */
  open(): Promise<void>
  /**
   * The newest version of a request that both library and broker support; undefined if there is
   * none.
   */
  newestVersion(api: ApiName): number | undefined
  /** Whether the broker supports a version of a request that we encode ourselves. */
  speaks(api: ApiName, version: number): boolean
  /** Responses arrive in the order of the requests. */
  send(request: BrokerRequest): Promise<unknown>
  /** Closes the connection at once. Pending requests reject with the reason. */
  destroy(reason: Error): void
}

export interface ConnectionOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  /** Options of `tls.connect`, or true; null for plain TCP. */
  readonly ssl: unknown
  readonly sasl: KafkaConfig['sasl'] | null
  /** Timeout of connecting, milliseconds. */
  readonly timeout: number
  readonly logger: Logger
  /** Do not keep the process alive for this socket. */
  readonly background?: boolean
}

const API_VERSIONS_REQUEST = 2

/** Creates a connection that is opened by `open`. */
export function connectionTo(options: ConnectionOptions): BrokerConnection {
  const raw = createConnection(options)
  let versions: VersionRanges = {}
  return {
    get isOpen() {
      return raw.isConnected()
    },

    async open() {
      await raw.connect()
      const response = (await raw.send(exchange('ApiVersions', API_VERSIONS_REQUEST, {}))) as {
        apiVersions: { apiKey: number; minVersion: number; maxVersion: number }[]
      }
      versions = Object.fromEntries(response.apiVersions.map(range => [range.apiKey, range]))
      raw.setVersions(versions)
      raw.setSupportAuthenticationProtocol(
        newestVersion('SaslAuthenticate', versions) !== undefined,
      )
      await raw.authenticate()
    },

    newestVersion: api => newestVersion(api, versions),

    speaks(api, version) {
      const range = versions[apiKey(api)]
      return range !== undefined && version >= range.minVersion && version <= range.maxVersion
    },

    send(request) {
      const { encode } = request
      // Otherwise kafkajs logs in again before the request, or rejects it.
      const isUsable = raw.isConnected() && (!options.sasl || raw.isAuthenticated())
      return encode && isUsable
        ? sendEncoded(raw, request, encode().buffer)
        : raw.send(exchangeOf(request))
    },

    destroy(reason) {
      const wasConnected = raw.isConnected()
      raw.rejectRequests(reason)
      raw.requestQueue.destroy()
      raw.connectionStatus = 'disconnected'
      // During connecting, kafkajs clears its connect timer only on an error.
      raw.socket?.destroy(wasConnected ? undefined : reason)
    },
  }
}

/** kafkajs would copy the request twice, into buffers of the next power of two. */
async function sendEncoded(raw: RawConnection, request: BrokerRequest, body: Buffer) {
  const { response } = exchangeOf(request)
  const { api: apiName, version: apiVersion } = request
  const { payload } = await new Promise<{ readonly payload: Buffer }>((resolve, reject) => {
    const correlationId = raw.nextCorrelationId()
    const entry = { apiKey: apiKey(apiName), apiName, apiVersion, correlationId, resolve, reject }
    const sendRequest = () => {
      const { socket } = raw
      socket?.cork()
      socket?.write(headerOf(entry, raw.clientId, body.length))
      socket?.write(body)
      socket?.uncork()
    }
    raw.requestQueue.push({ entry, expectResponse: true, requestTimeout: null, sendRequest })
  })
  const decoded = await response.decode(payload)
  const { clientSideThrottleTime = null } = decoded as { clientSideThrottleTime?: number }
  raw.requestQueue.maybeThrottle(clientSideThrottleTime)
  return response.parse(decoded)
}

/** Size of the request, and its header, version 1. */
function headerOf(
  { apiKey, apiVersion, correlationId }: QueuedRequest['entry'],
  clientId: string,
  bodyLength: number,
): Buffer {
  const client = Buffer.from(clientId)
  const header = Buffer.allocUnsafe(14 + client.length)
  header.writeInt32BE(10 + client.length + bodyLength, 0)
  header.writeInt16BE(apiKey, 4)
  header.writeInt16BE(apiVersion, 6)
  header.writeInt32BE(correlationId, 8)
  header.writeInt16BE(client.length, 12)
  client.copy(header, 14)
  return header
}

function exchangeOf({ api, version, args, encode, decode, raw }: BrokerRequest): Exchange {
  const untouched = async (decoded: object) => decoded
  if (encode && decode) {
    return {
      request: {
        apiKey: apiKey(api),
        apiVersion: version,
        apiName: api,
        encode: async () => encode(),
      },
      response: { decode: async payload => decode(payload), parse: untouched },
    }
  }
  const { request, response } = exchange(api, version, args)
  return {
    request: encode ? { ...request, encode: async () => encode() } : request,
    response: raw ? { decode: response.decode, parse: untouched } : response,
  }
}
