import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Targets that a process of its own serves, so that their CPU time does not count. */
export class ServedTargets {
  private constructor(
    private readonly child: ChildProcess,
    private readonly port: number,
    private readonly count: number,
  ) {}

  static async start(count: number, series: number): Promise<ServedTargets> {
    const program = fileURLToPath(new URL('./targets.js', import.meta.url))
    const child = fork(program, [String(series)])
    const [port] = await once(child, 'message')
    return new ServedTargets(child, port, count)
  }

  /** Scrapes so far. */
  async scrapes(): Promise<number> {
    this.child.send('scrapes')
    const [scrapes] = await once(this.child, 'message')
    return scrapes
  }

  /** A configuration that scrapes all of them, for any agent that reads that of Prometheus. */
  config(intervalSeconds: number, remoteWrite: readonly object[] = []): object {
    return {
      global: { scrape_interval: `${intervalSeconds}s`, scrape_timeout: `${intervalSeconds}s` },
      scrape_configs: [
        {
          job_name: 'bench',
          static_configs: Array.from({ length: this.count }, (_, i) => ({
            targets: [`127.0.0.1:${this.port}`],
            labels: { instance: `target-${i}`, __metrics_path__: `/${i}` },
          })),
        },
      ],
      ...(remoteWrite.length > 0 && { remote_write: remoteWrite }),
    }
  }

  stop(): void {
    this.child.disconnect()
  }
}
