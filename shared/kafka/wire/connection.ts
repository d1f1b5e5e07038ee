import type { Logger } from '../../base/logger.js'
import {
  type ApiName,
  apiKey,
  createConnection,
  type Encoded,
  type Exchange,
  exchange,
  newestVersion,
  type VersionRanges,
} from './internals.js'

/** One request. Its bytes, and those of its response, are the library's unless `encode` and `decode` say otherwise. */
export interface BrokerRequest {
  readonly api: ApiName
  readonly version: number
  readonly args: object
  readonly encode?: () => Encoded
  readonly decode?: (payload: Buffer) => object
  /** Leave the response's error codes to the caller. */
  readonly raw?: boolean
}

/**
 * All that is asked of a client library: one connection to one broker. Everything else in `shared/kafka` stands on this, on
 * `createErrorFromCode` and `crc32c` of `internals.ts`, and on `error-kind.ts`: another library takes the place of kafkajs
 * by giving these.
 */
export interface BrokerConnection {
  /** Connected, and not closed since by either end. */
  readonly isOpen: boolean
  /** Connects by TCP or TLS, asks which versions the broker speaks, and logs in. Once only. */
  open(): Promise<void>
  /** The newest version of a request that the library and the broker both speak; undefined when there is none. */
  newestVersion(api: ApiName): number | undefined
  /** Whether the broker speaks a version of a request whose bytes are ours. */
  speaks(api: ApiName, version: number): boolean
  /** Answers come in the order of the requests. */
  send(request: BrokerRequest): Promise<unknown>
  /** Ends it at once, whatever it is doing; what waits for an response rejects with the reason. */
  destroy(reason: Error): void
}

export interface ConnectionOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  /** Of `tls.connect`, or true; null for plain TCP. */
  readonly ssl: unknown
  readonly sasl: unknown
  /** Milliseconds for connecting. */
  readonly timeout: number
  readonly logger: Logger
  /** Its socket does not keep the process alive. */
  readonly background?: boolean
}

const API_VERSIONS_REQUEST = 2

/** Does nothing until it is opened. */
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
      raw.setSupportAuthenticationProtocol(newestVersion('SaslAuthenticate', versions) !== undefined)
      await raw.authenticate()
    },

    newestVersion: api => newestVersion(api, versions),

    speaks(api, version) {
      const range = versions[apiKey(api)]
      return range !== undefined && version >= range.minVersion && version <= range.maxVersion
    },

    send: request => raw.send(exchangeOf(request)),

    destroy(reason) {
      const wasConnected = raw.isConnected()
      raw.rejectRequests(reason)
      raw.requestQueue.destroy()
      raw.connectionStatus = 'disconnected'
      // While it connects, only an error makes the library clear its connect timer.
      raw.socket?.destroy(wasConnected ? undefined : reason)
    },
  }
}

function exchangeOf({ api, version, args, encode, decode, raw }: BrokerRequest): Exchange {
  const untouched = async (decoded: object) => decoded
  if (encode && decode) {
    return {
      request: { apiKey: apiKey(api), apiVersion: version, apiName: api, encode: async () => encode() },
      response: { decode: async payload => decode(payload), parse: untouched },
    }
  }
  const { request, response } = exchange(api, version, args)
  return {
    request: encode ? { ...request, encode: async () => encode() } : request,
    response: raw ? { decode: response.decode, parse: untouched } : response,
  }
}
