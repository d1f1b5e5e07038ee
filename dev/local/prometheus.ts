import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from './child.js'
import { createRunFolder, removeRunFolder } from './folders.js'
import { ADDRESS_IN_USE, freePort } from './ports.js'
import { PrometheusApi } from './prometheus/api.js'
import { fetchPart } from './supply.js'

/** A configuration as text, or as an object (JSON is YAML). */
export type PrometheusConfig = string | object

export interface PrometheusOptions {
  readonly config: PrometheusConfig
  /** The port that is tried first; any free one by default. */
  readonly port?: number
  /** Command-line flags beyond the usual ones. */
  readonly flags?: readonly string[]
  readonly log?: (message: string) => void
}

const START_TIMEOUT_MS = 60_000

/**
 * A Prometheus of one's own, ready to answer: a port and a data folder of its own, both gone with it.
 *
 * @throws Unavailable when there is none and none can be had
 */
export async function startPrometheus(options: PrometheusOptions): Promise<LocalPrometheus> {
  const binary = await fetchPart('prometheus', options.log)
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(attempt === 1 ? options.port : undefined)
    const prometheus = await LocalPrometheus.start(binary, port, options)
    if (await prometheus.becameReady()) return prometheus
    const words = prometheus.logTail()
    await prometheus.stop()
    if (!ADDRESS_IN_USE.test(words) || attempt === 5) throw new Error(`Prometheus did not start:\n${words}`)
  }
}

export class LocalPrometheus extends PrometheusApi {
  readonly #child: Child
  readonly #folder: string

  private constructor(child: Child, folder: string, url: string) {
    super(url)
    this.#child = child
    this.#folder = folder
  }

  static async start(binary: string, port: number, options: PrometheusOptions): Promise<LocalPrometheus> {
    const folder = createRunFolder('prometheus')
    const address = `127.0.0.1:${port}`
    writeConfig(folder, options.config)
    const args = [
      `--config.file=${configFile(folder)}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
      '--web.enable-lifecycle',
      '--log.level=warn',
      ...(options.flags ?? []),
    ]
    const child = await Child.start({
      name: 'Prometheus',
      command: binary,
      args,
      logFile: join(folder, 'prometheus.log'),
      cwd: folder,
    })
    return new LocalPrometheus(child, folder, `http://${address}`)
  }

  get pid(): number {
    return this.#child.pid
  }

  get child(): Child {
    return this.#child
  }

  logTail(): string {
    return this.#child.logTail()
  }

  /** Whether it got ready; false when it ended or took too long. */
  async becameReady(): Promise<boolean> {
    for (const until = performance.now() + START_TIMEOUT_MS; performance.now() < until; ) {
      if (this.#child.exit) return false
      // Another process may have the port: only while ours runs does an answer count.
      if ((await this.ready()) && !this.#child.exit) return true
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    return false
  }

  /** Takes another configuration, or the changed one of the same file. Rejects when Prometheus refuses it. */
  async reload(config?: PrometheusConfig): Promise<void> {
    if (config !== undefined) writeConfig(this.#folder, config)
    const response = await fetch(`${this.url}/-/reload`, { method: 'POST' })
    if (!response.ok) throw new Error(`Prometheus refused the configuration: ${await response.text()}`)
  }

  /** SIGKILL: its data is thrown away. */
  async stop(): Promise<void> {
    await this.#child.kill()
    removeRunFolder(this.#folder)
  }
}

const configFile = (folder: string): string => join(folder, 'prometheus.yml')

function writeConfig(folder: string, config: PrometheusConfig): void {
  writeFileSync(configFile(folder), typeof config === 'string' ? config : JSON.stringify(config, null, 2))
}
