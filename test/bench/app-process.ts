import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { AppOptions, AppReport, Command } from './app.js'

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** A process of the app in `app.ts`. */
export class AppProcess {
  readonly #child: ChildProcess

  private constructor(options: AppOptions) {
    const program = fileURLToPath(new URL('./app.js', import.meta.url))
    this.#child = fork(program, [JSON.stringify(options)])
    children.add(this.#child)
    this.#child.once('exit', () => children.delete(this.#child))
  }

  static async start(options: AppOptions): Promise<AppProcess> {
    const app = new AppProcess(options)
    await app.#nextMessage()
    return app
  }

  /** Sends a command. @returns the report with which the app responds */
  command(command: Command): Promise<AppReport> {
    const report = this.#nextMessage() as Promise<AppReport>
    this.#child.send(command)
    return report
  }

  /** Waits until the brokers have acknowledged `count` snapshots. */
  async acknowledged(count: number, timeoutMs = 120_000): Promise<void> {
    const until = performance.now() + timeoutMs
    while ((await this.command('report')).acknowledged < count) {
      if (performance.now() > until) throw new Error(`the app did not publish ${count} snapshots`)
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }

  /** The longest slices of the event loop of the app while `work` runs, in descending order, ms. */
  async slices(work: () => Promise<unknown>): Promise<readonly number[]> {
    await this.command('watch')
    await work()
    await this.command('unwatch')
    return (await this.command('report')).slices
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = new Promise(resolve => this.#child.once('exit', resolve))
    this.#child.send('stop')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    await exited
    clearTimeout(timer)
  }

  #nextMessage(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`the app exited with ${code}`))
      this.#child.once('exit', onExit)
      this.#child.once('message', message => {
        this.#child.off('exit', onExit)
        resolve(message)
      })
    })
  }
}
