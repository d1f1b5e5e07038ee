import { Command, type Redis } from 'ioredis'
import { brief, ConnectionFailed, isReply } from './errors.js'

/** A reply of Redis. Texts are bytes. */
export type Reply = Buffer | number | null | readonly Reply[]
export type Argument = string | number | Buffer

/** Message of ioredis about a command that was not sent. */
const NOT_SENT = "Stream isn't writeable"

/**
 * One connection, which is ready. It ends once and is not used again, so that what is known of its
 * position in the stream of replication holds as long as it does.
 */
export class Connection {
  #pending = 0
  /** Monotonic ms of the last reply, or of the first command after none was pending. */
  #progressAt = 0
  #watch: NodeJS.Timeout | undefined
  #waiting: Promise<number> | undefined
  #next: Promise<number> | undefined

  /**
   * @param address in messages
   * @param timeoutMs a connection with pending commands is closed when nothing is received for it
   */
  constructor(
    private readonly redis: Redis,
    readonly address: string,
    private readonly timeoutMs: number,
  ) {}

  get isReady(): boolean {
    return this.redis.status === 'ready'
  }

  /**
   * Sends a command. Commands are executed in the order of the calls.
   *
   * @throws ConnectionFailed, or the error that Redis replied
   */
  async call(name: string, args: readonly Argument[]): Promise<Reply> {
    if (!this.isReady)
      throw new ConnectionFailed(`the connection to ${this.address} is closed`, false)
    const command = new Command(name, args as Argument[], { replyEncoding: null })
    if (this.#pending++ === 0) {
      this.#progressAt = performance.now()
      this.#watch ??= setTimeout(() => this.#closeIfStuck(), this.timeoutMs)
    }
    try {
      return (await this.redis.sendCommand(command)) as Reply
    } catch (error) {
      if (isReply(error)) throw error
      const sent = !(error as Error).message.startsWith(NOT_SENT)
      throw new ConnectionFailed(`${this.address}: ${brief(error)}`, sent)
    } finally {
      this.#pending--
      this.#progressAt = performance.now()
    }
  }

  /**
   * Waits until replicas have all that was written on this connection before.
   *
   * Redis executes nothing else of a connection while it waits, so that one WAIT serves all
   * requests that were answered before it is sent.
   *
   * @returns the number of replicas
   */
  acknowledged(replicas: number, timeoutMs: number): Promise<number> {
    const wait = () => this.call('wait', [replicas, timeoutMs]).then(Number)
    if (!this.#waiting) {
      this.#waiting = wait().finally(() => {
        this.#waiting = undefined
      })
      return this.#waiting
    }
    this.#next ??= this.#waiting
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.acknowledged(replicas, timeoutMs)
      })
    return this.#next
  }

  close(): void {
    clearTimeout(this.#watch)
    this.redis.disconnect()
  }

  #closeIfStuck(): void {
    this.#watch = undefined
    if (this.#pending === 0 || !this.isReady) return
    const left = this.timeoutMs - (performance.now() - this.#progressAt)
    if (left <= 0) this.close()
    else this.#watch = setTimeout(() => this.#closeIfStuck(), left)
  }
}
