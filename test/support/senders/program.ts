import { join } from 'node:path'
import { Child } from '../../../dev/local/child.js'
import { createRunFolder, packageRoot, removeRunFolder } from '../../../dev/local/folders.js'
import { freePort } from '../../../dev/local/ports.js'

const READY_MS = 60_000

/** A command of the compiled program in its own process. It keeps its port when it starts again. */
export class LocalProgram {
  #child: Child | undefined

  private constructor(
    private readonly command: string,
    private readonly flags: readonly string[],
    private readonly port: number,
    private readonly folder: string,
  ) {}

  static async start(command: string, flags: readonly string[]): Promise<LocalProgram> {
    const program = new LocalProgram(command, flags, await freePort(), createRunFolder(command))
    try {
      await program.restart()
      await program.ready()
    } catch (error) {
      await program.stop()
      throw error
    }
    return program
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.#child!.pid
  }

  /** Starts it, also after `kill`. */
  async restart(): Promise<void> {
    this.#child = await Child.start({
      name: this.command,
      command: process.execPath,
      args: [
        join(packageRoot, 'dist/cli/main.js'),
        this.command,
        `--web.listen-address=127.0.0.1:${this.port}`,
        '--log.level=warn',
        ...this.flags,
      ],
      logFile: join(this.folder, 'log'),
    })
  }

  async ready(): Promise<void> {
    for (const until = performance.now() + READY_MS; performance.now() < until; ) {
      if (this.#child!.exit) break
      const isReady = await fetch(`${this.url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      )
      if (isReady) return
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    throw new Error(`the ${this.command} is not ready:\n${this.#child!.logTail(20)}`)
  }

  /** The sum of a metric over its series; NaN if it has none. */
  async metric(name: string, labels = ''): Promise<number> {
    const text = await (await fetch(`${this.url}/telemetry`)).text()
    let sum = Number.NaN
    for (const line of text.split('\n')) {
      if (!line.startsWith(name) || !/^[{ ]/.test(line.slice(name.length))) continue
      if (line.includes(labels))
        sum = (Number.isNaN(sum) ? 0 : sum) + Number(line.slice(line.lastIndexOf(' ')))
    }
    return sum
  }

  /** A second process with the same flags and a port of its own. */
  another(): Promise<LocalProgram> {
    return LocalProgram.start(this.command, this.flags)
  }

  /** Resolves when it has ended by itself. */
  async exitCode(): Promise<number | null> {
    return (await this.#child!.exited).code
  }

  log(): string {
    return this.#child!.logTail(50)
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#child?.kill()
  }

  async stop(): Promise<void> {
    await this.#child?.stop('SIGTERM', 10_000)
    removeRunFolder(this.folder)
  }
}
