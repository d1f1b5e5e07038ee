import type { Logger } from '../../base/logger.js'
import { type ErrorContext, explain, KafkaError } from '../errors.js'
import type { KafkaConfig } from '../types.js'
import {
  type ApiName,
  createConnection,
  createErrorFromCode,
  type Encoded,
  exchange,
  newestVersion,
  type RawConnection,
  type VersionRanges,
} from './internals.js'

export interface LinkOptions {
  readonly host: string
  readonly port: number
  readonly kafka: KafkaConfig
  readonly logger: Logger
  /** Neither the connection nor what waits for an answer keeps the process alive. */
  readonly background?: boolean
}

export interface CallOptions {
  /** Milliseconds until the call fails and the link with it: an answer that comes later belongs to nobody. */
  readonly timeout: number
  /** Exactly this version of the request, for those whose bytes we write or read ourselves. */
  readonly version?: number
  readonly encode?: () => Encoded
  readonly decode?: (payload: Buffer) => object
  /** Leave the answer's error codes to the caller. */
  readonly raw?: boolean
  readonly context?: ErrorContext
}

export const CONNECT_TIMEOUT_MS = 5_000
const API_VERSIONS_REQUEST = 2

/**
 * One connection to one broker. It connects with its first call and is of no use any more after its first failure: its
 * owner dials another. Requests on one link are answered in order, so nothing that may wait shares a link with others.
 */
export class Link {
  readonly address: string
  readonly #connection: RawConnection
  readonly #timeout: number
  readonly #background: boolean
  #versions: VersionRanges = {}
  #connecting: Promise<void> | null = null
  #connected = false
  #failure: KafkaError | null = null

  constructor(options: LinkOptions) {
    const { kafka } = options
    this.address = `${options.host}:${options.port}`
    this.#timeout = kafka.connectionTimeout ?? CONNECT_TIMEOUT_MS
    this.#background = options.background ?? false
    this.#connection = createConnection({
      host: options.host,
      port: options.port,
      clientId: kafka.clientId ?? 'kafka-exposer',
      ssl: kafka.ssl || null,
      sasl: kafka.sasl ?? null,
      timeout: this.#timeout,
      logger: options.logger,
      background: this.#background,
    })
  }

  /** False once anything has failed, or the broker has hung up. */
  get alive(): boolean {
    return this.#failure === null && (!this.#connected || this.#connection.isConnected())
  }

  /** True when a call can be sent without connecting first. */
  get connected(): boolean {
    return this.#connected && this.alive
  }

  connect(): Promise<void> {
    this.#connecting ??= this.#within(this.#timeout, this.#handshake(), { broker: this.address })
    return this.#connecting
  }

  /** @throws KafkaError */
  async call<T>(api: ApiName, args: object, options: CallOptions): Promise<T> {
    await this.connect()
    const version = options.version ?? newestVersion(api, this.#versions)
    const range = version === undefined ? undefined : this.#supports(api, version)
    if (version === undefined || range === false) {
      throw new KafkaError(
        'UNSUPPORTED',
        `${this.address} does not speak the version of ${api} that is needed here: use Kafka 2.3 or newer`,
      )
    }
    const made = exchange(api, version, args)
    const { encode, decode, raw } = options
    return (await this.#within(
      options.timeout,
      this.#connection.send({
        request: encode ? { ...made.request, encode: async () => encode() } : made.request,
        response: {
          decode: decode ? async payload => decode(payload) : made.response.decode,
          parse: raw || decode ? async decoded => decoded : made.response.parse,
        },
      }),
      { broker: this.address, ...options.context },
    )) as T
  }

  /** Ends it at once; whatever waits for an answer fails. */
  close(reason?: KafkaError): void {
    if (this.#failure) return
    this.#failure = reason ?? new KafkaError('CLOSED', `the connection to ${this.address} was closed here`)
    const connection = this.#connection
    const wasConnected = connection.isConnected()
    connection.rejectRequests(this.#failure)
    connection.requestQueue.destroy()
    connection.connectionStatus = 'disconnected'
    // While it connects, only an error makes the library clear its connect timer.
    connection.socket?.destroy(wasConnected ? undefined : this.#failure)
  }

  #supports(api: ApiName, version: number): boolean {
    const newest = newestVersion(api, this.#versions)
    return newest !== undefined && version <= newest
  }

  async #handshake(): Promise<void> {
    if (this.#failure) throw this.#failure
    const connection = this.#connection
    await connection.connect()
    const answer = (await connection.send(exchange('ApiVersions', API_VERSIONS_REQUEST, {}))) as {
      apiVersions: { apiKey: number; minVersion: number; maxVersion: number }[]
    }
    this.#versions = Object.fromEntries(answer.apiVersions.map(v => [v.apiKey, v]))
    connection.setVersions(this.#versions)
    connection.setSupportAuthenticationProtocol(
      newestVersion('SaslAuthenticate', this.#versions) !== undefined,
    )
    await connection.authenticate()
    this.#connected = true
  }

  /** Every promise that goes in is looked after, also when the time is up first. */
  #within<T>(timeout: number, work: Promise<T>, context: ErrorContext): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        fail(
          new KafkaError(
            'TIMEOUT',
            `${this.address} did not answer within ${Math.round(timeout / 100) / 10} s: is it overloaded or cut off?`,
          ),
        )
      }, timeout)
      if (this.#background) timer.unref()
      const fail = (error: unknown) => {
        clearTimeout(timer)
        const explained = this.#failure ?? explain(error, context)
        if (explained.connection || explained.type === 'AUTHENTICATION' || !this.#connected)
          this.close(explained)
        reject(explained)
      }
      work.then(value => {
        clearTimeout(timer)
        resolve(value)
      }, fail)
    })
  }
}

/** A partition's or topic's error code inside of an answer, or null. */
export function errorOf(code: number, context: ErrorContext): KafkaError | null {
  return code === 0 ? null : explain(createErrorFromCode(code), context)
}
