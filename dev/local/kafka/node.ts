import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from '../child.js'
import { ADDRESS_IN_USE } from '../ports.js'

export interface Runtime {
  readonly java: string
  readonly classPath: string
  /** Additional options of the Java virtual machine, such as the class archive. */
  readonly jvm: readonly string[]
}

const JVM = [
  '-Xmx256m',
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
]
/** Log line of a broker that accepts connections. */
const STARTED = 'Kafka Server started'
const START_TIMEOUT_MS = 90_000

/** Thrown if another process listens on the port. */
export class PortTaken extends Error {}

/** A node that is both broker and controller. It keeps its ports and data over restarts. */
export class KafkaNode {
  #child: Child | null = null

  constructor(
    readonly id: number,
    /** host:port */
    readonly address: string,
    /** Folder of data, properties and log. */
    readonly folder: string,
    private readonly runtime: Runtime,
  ) {}

  /** Null while the node does not run. */
  get pid(): number | null {
    return this.#child && !this.#child.exit ? this.#child.pid : null
  }

  /** The current or last process. Null before the first start. */
  get child(): Child | null {
    return this.#child
  }

  get logFile(): string {
    return join(this.folder, 'kafka.log')
  }

  /**
   * Resolves when the node accepts connections.
   *
   * @throws PortTaken
   * @throws Error with the end of its log
   */
  async start(): Promise<void> {
    if (this.pid !== null) return
    const logSize = sizeOf(this.logFile)
    const { java, classPath, jvm } = this.runtime
    const args = [
      ...JVM,
      ...jvm,
      '-cp',
      classPath,
      'kafka.Kafka',
      join(this.folder, 'server.properties'),
    ]
    const child = await Child.start({
      name: `Kafka node ${this.id}`,
      command: java,
      args,
      logFile: this.logFile,
    })
    this.#child = child
    const log = new LogReader(this.logFile, logSize)
    for (const until = performance.now() + START_TIMEOUT_MS; ; ) {
      const text = log.read()
      if (text.includes(STARTED)) return
      if (child.exit || performance.now() > until) {
        await child.kill()
        if (ADDRESS_IN_USE.test(text)) throw new PortTaken(`a port of ${this.address} is in use`)
        const timedOut = child.stopping && child.exit?.signal === 'SIGKILL'
        const problem = timedOut ? `${child.name} did not start in time` : child.describeExit()
        throw new Error(`${problem}:\n${child.logTail()}`)
      }
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  /** Sends a signal, SIGKILL by default. Resolves when the node has exited. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    // A broker needs some seconds after SIGTERM. After 30 it hangs.
    await this.#child?.stop(signal, 30_000)
  }

  async restart(): Promise<void> {
    await this.kill()
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.start()
      } catch (error) {
        if (!(error instanceof PortTaken) || attempt === 5) throw error
      }
    }
  }

  /** Suspends the node (SIGSTOP). Connections stay open. */
  pause(): void {
    this.#child?.signal('SIGSTOP')
  }

  resume(): void {
    this.#child?.signal('SIGCONT')
  }
}

/** Reads what is appended to a file after a position. */
class LogReader {
  #text = ''
  constructor(
    private readonly path: string,
    private at: number,
  ) {}

  read(): string {
    const length = sizeOf(this.path) - this.at
    if (length > 0) {
      const file = openSync(this.path, 'r')
      const buffer = Buffer.alloc(length)
      const bytes = readSync(file, buffer, 0, length, this.at)
      closeSync(file)
      this.at += bytes
      this.#text += buffer.toString('utf8', 0, bytes)
    }
    return this.#text
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
