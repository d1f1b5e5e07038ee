import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { reaper } from './reaper.js'

export interface ChildOptions {
  /** Name in messages. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** File to which standard output and standard error are appended. */
  readonly logFile: string
}

export interface ExitStatus {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * A child process that is killed when this process ends, for whatever reason. It leads its own
 * process group. Ctrl-C in a terminal therefore reaches only the parent, which stops its children
 * in order.
 */
export class Child {
  readonly name: string
  readonly pid: number
  readonly logFile: string
  readonly exited: Promise<ExitStatus>
  #exit: ExitStatus | null = null
  #stopping = false
  readonly #process: ChildProcess

  private constructor(child: ChildProcess, options: ChildOptions) {
    this.#process = child
    this.name = options.name
    this.logFile = options.logFile
    this.pid = child.pid!
    this.exited = new Promise(resolve => {
      child.once('exit', (code, signal) => {
        this.#exit = { code, signal }
        reaper().unwatch(this.pid)
        resolve(this.#exit)
      })
    })
  }

  /** @throws Error if the command cannot be started */
  static async start(options: ChildOptions): Promise<Child> {
    const watchdog = reaper()
    const log = openSync(options.logFile, 'a')
    try {
      const child = spawn(options.command, options.args, {
        detached: true,
        stdio: ['ignore', log, log],
        env: options.env ?? process.env,
        cwd: options.cwd,
      })
      if (child.pid !== undefined) watchdog.watch(child.pid)
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve)
        child.once('error', reject)
      })
      return new Child(child, options)
    } finally {
      closeSync(log)
    }
  }

  /** Starts a script in a Node.js process. */
  static node(
    name: string,
    script: string,
    args: readonly string[],
    logFile: string,
  ): Promise<Child> {
    return Child.start({ name, command: process.execPath, args: [script, ...args], logFile })
  }

  /** Null while the process runs. */
  get exit(): ExitStatus | null {
    return this.#exit
  }

  /** Whether `stop` or `kill` was called. */
  get stopping(): boolean {
    return this.#stopping
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#exit) this.#process.kill(signal)
  }

  /** Sends a signal, and SIGKILL after `withinMs`. Resolves when the process has exited. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', withinMs = 5000): Promise<ExitStatus> {
    this.#stopping = true
    if (this.#exit) return this.#exit
    this.signal(signal)
    const timer = setTimeout(() => this.signal('SIGKILL'), withinMs)
    try {
      return await this.exited
    } finally {
      clearTimeout(timer)
    }
  }

  kill(): Promise<ExitStatus> {
    return this.stop('SIGKILL')
  }

  /** The last lines of the log file, for messages. */
  logTail(lines = 5): string {
    try {
      return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
    } catch {
      return ''
    }
  }

  /** The exit in words: `payments exited with code 1`. */
  describeExit(): string {
    if (!this.#exit) return `${this.name} is running`
    const { code, signal } = this.#exit
    return signal ? `${this.name} was killed by ${signal}` : `${this.name} exited with code ${code}`
  }

  toString(): string {
    return `${this.name} (pid ${this.pid}, log ${basename(this.logFile)})`
  }
}
