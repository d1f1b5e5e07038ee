import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { reaper } from './reaper.js'

export interface ChildOptions {
  /** How it is called in messages. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Where its output goes, appended. */
  readonly logFile: string
}

export interface ExitStatus {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * A child process that ends with this one, however this one ends. It leads its own process group, so that Ctrl-C in a
 * terminal reaches only the parent, which then stops its children in the right order.
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

  /** @throws when the command cannot be started at all */
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

  /** A program of ours in a Node of its own. */
  static node(name: string, script: string, args: readonly string[], logFile: string): Promise<Child> {
    return Child.start({ name, command: process.execPath, args: [script, ...args], logFile })
  }

  /** Null while it runs. */
  get exit(): ExitStatus | null {
    return this.#exit
  }

  /** Whether its end was asked for here. */
  get stopping(): boolean {
    return this.#stopping
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#exit) this.#process.kill(signal)
  }

  /** Asks it to end, then kills it after `withinMs`. Resolves when it is gone. */
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

  /** The last lines of its output, for messages. */
  logTail(lines = 5): string {
    try {
      return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
    } catch {
      return ''
    }
  }

  /** "payments exited with 1" */
  describeExit(): string {
    if (!this.#exit) return `${this.name} is running`
    const { code, signal } = this.#exit
    return signal ? `${this.name} was ended by ${signal}` : `${this.name} exited with ${code}`
  }

  toString(): string {
    return `${this.name} (pid ${this.pid}, log ${basename(this.logFile)})`
  }
}
