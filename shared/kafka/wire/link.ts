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

/**
 * One connection to one broker. It connects with its first call and is of no use any more after its first failure: its
 * owner dials another. Requests on one link are answered in order, so nothing that may wait shares a link with others.
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

  /** False once anything has failed, or the broker has hung up. */
  get alive(): boolean {
    return this.#failure === null && (!this.#connected || this.#connection.isOpen)
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
    const { encode, decode, raw } = options
    const version = options.version ?? this.#connection.newestVersion(api)
    if (version === undefined || !this.speaks(api, version)) {
      throw new KafkaError(
        'UNSUPPORTED',
        `${this.address} does not speak the version of ${api} that is needed here: use Kafka 2.3 or newer`,
      )
    }
    return (await this.#within(
      options.timeout,
      this.#connection.send({ api, version, args, encode, decode, raw }),
      { broker: this.address, ...options.context },
    )) as T
  }

  /** Whether the broker speaks a version of a request; known once it is connected. */
  speaks(api: ApiName, version: number): boolean {
    return this.#connection.speaks(api, version)
  }

  /** Ends it at once; whatever waits for an answer fails. */
  close(reason?: KafkaError): void {
    if (this.#failure) return
    this.#failure = reason ?? new KafkaError('CLOSED', `the connection to ${this.address} was closed here`)
    this.#connection.destroy(this.#failure)
  }

  async #handshake(): Promise<void> {
    if (this.#failure) throw this.#failure
    await this.#connection.open()
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

/** Errors that the client library is too old to know. */
const NEWER_ERRORS: Readonly<Record<number, string>> = {
  100: 'UNKNOWN_TOPIC_ID',
  103: 'INCONSISTENT_TOPIC_ID',
}

/** A partition's or topic's error code inside of an answer, or null. */
export function errorOf(code: number, context: ErrorContext): KafkaError | null {
  if (code === 0) return null
  const type = NEWER_ERRORS[code]
  return explain(type ? Object.assign(new Error(), { type }) : createErrorFromCode(code), context)
}
