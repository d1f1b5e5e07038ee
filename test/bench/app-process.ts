import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { AppOptions, AppReport, Order } from './app.js'

const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** An app that publishes, in a process of its own. */
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
    await app.#answer()
    return app
  }

  order(order: Order): Promise<AppReport> {
    const answer = this.#answer() as Promise<AppReport>
    this.#child.send(order)
    return answer
  }

  /** Until the brokers have that many snapshots. */
  async acknowledged(count: number, timeoutMs = 120_000): Promise<void> {
    const until = performance.now() + timeoutMs
    while ((await this.order('report')).acknowledged < count) {
      if (performance.now() > until) throw new Error(`the app did not publish ${count} snapshots`)
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }

  /** The longest slices of the app's event loop while `work` runs, longest first, ms. */
  async slices(work: () => Promise<unknown>): Promise<readonly number[]> {
    await this.order('watch')
    await work()
    await this.order('watched')
    return (await this.order('report')).slices
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = new Promise(resolve => this.#child.once('exit', resolve))
    this.#child.send('stop')
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    await exited
    clearTimeout(impatience)
  }

  #answer(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const gone = (code: number | null) => reject(new Error(`the app ended with ${code}`))
      this.#child.once('exit', gone)
      this.#child.once('message', message => {
        this.#child.off('exit', gone)
        resolve(message)
      })
    })
  }
}
