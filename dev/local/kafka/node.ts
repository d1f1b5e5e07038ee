import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from '../child.js'
import { ADDRESS_IN_USE } from '../ports.js'

export interface Runtime {
  readonly java: string
  readonly classPath: string
  /** Options of the virtual machine beyond the usual ones, such as the class archive. */
  readonly jvm: readonly string[]
}

const JVM = [
  '-Xmx256m',
  '-XX:TieredStopAtLevel=1',
  '-XX:+UseSerialGC',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
]
const STARTED = 'Kafka Server started'
const START_TIMEOUT_MS = 90_000

/** It could not listen because somebody else does. */
export class PortTaken extends Error {}

/** One broker, which is a controller too. Its ports and data stay the same over restarts. */
export class KafkaNode {
  #child: Child | null = null

  constructor(
    readonly id: number,
    /** host:port */
    readonly address: string,
    /** Data, properties and log. */
    readonly folder: string,
    private readonly runtime: Runtime,
  ) {}

  /** Null while it does not run. */
  get pid(): number | null {
    return this.#child && !this.#child.exit ? this.#child.pid : null
  }

  /** Its process, also one that has ended; null before the first start. */
  get child(): Child | null {
    return this.#child
  }

  get logFile(): string {
    return join(this.folder, 'kafka.log')
  }

  /** Resolves when it serves. @throws PortTaken, or Error with what it said last */
  async start(): Promise<void> {
    if (this.pid !== null) return
    const from = sizeOf(this.logFile)
    const { java, classPath, jvm } = this.runtime
    const args = [...JVM, ...jvm, '-cp', classPath, 'kafka.Kafka', join(this.folder, 'server.properties')]
    const child = await Child.start({
      name: `Kafka node ${this.id}`,
      command: java,
      args,
      logFile: this.logFile,
    })
    this.#child = child
    const log = new Tail(this.logFile, from)
    for (const until = performance.now() + START_TIMEOUT_MS; ; ) {
      const text = log.read()
      if (text.includes(STARTED)) return
      if (child.exit || performance.now() > until) {
        await child.kill()
        if (ADDRESS_IN_USE.test(text)) throw new PortTaken(`a port of ${this.address} is taken`)
        const what =
          child.stopping && child.exit?.signal === 'SIGKILL' ? 'did not start in time' : child.describeExit()
        throw new Error(`Kafka node ${this.id} ${what}:\n${child.logTail()}`)
      }
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  /** Ends it as if it crashed, or with another signal. Resolves when it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    // SIGTERM takes a broker some seconds; more than 30 and it hangs.
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

  /** Stops it without its knowing (SIGSTOP), connections stay open. */
  pause(): void {
    this.#child?.signal('SIGSTOP')
  }

  resume(): void {
    this.#child?.signal('SIGCONT')
  }
}

/** What a file gained since a position. */
class Tail {
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
