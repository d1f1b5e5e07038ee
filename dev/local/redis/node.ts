import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { Child } from '../child.js'
import { ADDRESS_IN_USE } from '../ports.js'

const START_TIMEOUT_MS = 20_000

/** Thrown if another process listens on the port. */
export class PortTaken extends Error {}

export interface RedisNodePlan {
  /** Name in messages, and of its folder. */
  readonly name: string
  readonly port: number
  /** Command-line arguments after the port and the folder. */
  readonly args: readonly string[]
  /** Password with which commands are sent. */
  readonly password?: string
}

/** A Redis server or Sentinel as a child process. It keeps its port and its folder. */
export class RedisNode {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly name: string
  readonly #folder: string
  #child: Child | null = null

  /** @param parent folder of the data and logs of all nodes */
  constructor(
    private readonly command: string,
    parent: string,
    private readonly plan: RedisNodePlan,
  ) {
    this.port = plan.port
    this.name = plan.name
    this.#folder = join(parent, plan.name)
    mkdirSync(this.#folder, { recursive: true })
  }

  /** host:port */
  get endpoint(): string {
    return `${this.host}:${this.port}`
  }

  /** Null while the node does not run. */
  get pid(): number | null {
    return this.#child && !this.#child.exit ? this.#child.pid : null
  }

  /**
   * Resolves when the node answers.
   *
   * @throws PortTaken
   * @throws Error with the end of its log
   */
  async start(): Promise<void> {
    if (this.pid !== null) return
    const child = await Child.start({
      name: this.name,
      command: this.command,
      args: this.plan.args,
      logFile: join(this.#folder, 'redis.log'),
      cwd: this.#folder,
    })
    this.#child = child
    for (const until = performance.now() + START_TIMEOUT_MS; ; ) {
      if (await this.#answers()) return
      if (child.exit || performance.now() > until) {
        await child.kill()
        const log = child.logTail()
        if (ADDRESS_IN_USE.test(log)) throw new PortTaken(`the port of ${this.name} is in use`)
        throw new Error(`${this.name} did not start:\n${log}`)
      }
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  async #answers(): Promise<boolean> {
    try {
      await this.run('ping')
      return true
    } catch {
      return false
    }
  }

  /** Sends one command on a connection of its own. */
  async run(command: string, ...args: (string | number)[]): Promise<unknown> {
    const redis = new Redis({
      host: this.host,
      port: this.port,
      password: this.plan.password,
      lazyConnect: true,
      enableReadyCheck: false,
      disableClientInfo: true,
      retryStrategy: () => null,
    })
    redis.on('error', () => {}) // The rejected command says it.
    try {
      await redis.connect()
      return await redis.call(command, ...args)
    } finally {
      redis.disconnect()
    }
  }

  /** Sends SIGKILL. Resolves when the process has exited. */
  async kill(): Promise<void> {
    await this.#child?.kill()
  }

  /** Suspends the process (SIGSTOP). Connections stay open. */
  pause(): void {
    this.#child?.signal('SIGSTOP')
  }

  resume(): void {
    this.#child?.signal('SIGCONT')
  }
}
