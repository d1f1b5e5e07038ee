import type { Logger } from '../../base/logger.js'
import { type ErrorContext, explain, KafkaError } from '../errors.js'
import type { KafkaConfig } from '../types.js'
import { type BrokerConnection, connectionTo } from './connection.js'
import { type ApiName, createErrorFromCode, type Encoded } from './internals.js'

export interface LinkOptions {
  readonly host: string
  readonly port: number
  readonly kafka: KafkaConfig
  readonly logger: Logger
  /** Do not keep the process alive for the connection or for pending requests. */
  readonly background?: boolean
}

export interface CallOptions {
  /** Milliseconds until the call fails, and the link with it: a later response has no receiver. */
  readonly timeout: number
  /** Exact version of the request, for requests that we encode or decode ourselves. */
  readonly version?: number
  readonly encode?: () => Encoded
  readonly decode?: (payload: Buffer) => object
  /** Leave the error codes of the response to the caller. */
  readonly raw?: boolean
  readonly context?: ErrorContext
}

export const CONNECT_TIMEOUT_MS = 5_000

/**
 * One connection to one broker. It connects with its first call and cannot be used after its first
 * failure: the owner opens another one. Requests on a link are answered in order, so a request that
 * may wait must not share a link with others.
 */
export class Link {
  readonly address: string
  readonly #connection: BrokerConnection
  readonly #timeout: number
  readonly #background: boolean
  #connecting: Promise<void> | null = null
  #connected = false
  #failure: KafkaError | null = null

  constructor(options: LinkOptions) {
    const { kafka } = options
    this.address = `${options.host}:${options.port}`
    this.#timeout = kafka.connectionTimeout ?? CONNECT_TIMEOUT_MS
    this.#background = options.background ?? false
    this.#connection = connectionTo({
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

  /** False after a failure, or after the broker has closed the connection. */
  get alive(): boolean {
    return this.#failure === null && (!this.#connected || this.#connection.isOpen)
  }

  /** Whether a call can be sent without connecting first. */
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
    const { encode, decode, raw } = options
    const version = options.version ?? this.#connection.newestVersion(api)
    if (version === undefined || !this.speaks(api, version)) {
      throw new KafkaError(
        'UNSUPPORTED',
        `${this.address} does not support the required version of ${api}: use Kafka 2.4 or newer`,
      )
    }
    return (await this.#within(
      options.timeout,
      this.#connection.send({ api, version, args, encode, decode, raw }),
      { broker: this.address, ...options.context },
    )) as T
  }

  /** Whether the broker supports a version of a request. Call it after `connect`. */
  speaks(api: ApiName, version: number): boolean {
    return this.#connection.speaks(api, version)
  }

  /** Closes the connection at once; pending calls fail. */
  close(reason?: KafkaError): void {
    if (this.#failure) return
    this.#failure =
      reason ?? new KafkaError('CLOSED', `this program closed the connection to ${this.address}`)
    this.#connection.destroy(this.#failure)
  }

  async #handshake(): Promise<void> {
    if (this.#failure) throw this.#failure
    await this.#connection.open()
    this.#connected = true
  }

  /** Handles the rejection of `work` also after the timeout. */
  #within<T>(timeout: number, work: Promise<T>, context: ErrorContext): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        fail(
          new KafkaError(
            'TIMEOUT',
            `${this.address} did not respond within ${Math.round(timeout / 100) / 10} s: check whether it is overloaded or unreachable`,
          ),
        )
      }, timeout)
      if (this.#background) timer.unref()
      const fail = (error: unknown) => {
        clearTimeout(timer)
        const explained = this.#failure ?? explain(error, context)
        if (explained.isConnectionError || explained.type === 'AUTHENTICATION' || !this.#connected)
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

/** Error codes that kafkajs does not know. */
const NEWER_ERRORS: Readonly<Record<number, string>> = {
  100: 'UNKNOWN_TOPIC_ID',
  103: 'INCONSISTENT_TOPIC_ID',
}

/** The error of a partition or topic within a response, or null. */
export function errorOf(code: number, context: ErrorContext): KafkaError | null {
  if (code === 0) return null
  const type = NEWER_ERRORS[code]
  return explain(type ? Object.assign(new Error(), { type }) : createErrorFromCode(code), context)
}
