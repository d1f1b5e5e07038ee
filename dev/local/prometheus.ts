import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from './child.js'
import { createRunFolder, removeRunFolder } from './folders.js'
import { ADDRESS_IN_USE, freePort } from './ports.js'
import { PrometheusApi } from './prometheus/api.js'
import { fetchPart } from './supply.js'

/** A configuration as YAML text or as an object. */
export type PrometheusConfig = string | object

export interface PrometheusOptions {
  readonly config: PrometheusConfig
  /** Default: the current version. */
  readonly part?: 'prometheus' | 'prometheus-2'
  /** Agent mode: it scrapes and sends, and stores nothing to query. */
  readonly agent?: boolean
  /** Preferred port. Default: any free port. */
  readonly port?: number
  /** Additional command-line flags. */
  readonly flags?: readonly string[]
  /** Contents of files beside the configuration, by name. */
  readonly files?: Readonly<Record<string, string>>
  readonly log?: (message: string) => void
}

const START_TIMEOUT_MS = 60_000

/**
 * Starts a Prometheus with its own port and data folder, and waits until it is ready.
 *
 * @throws Unavailable if there is no Prometheus and none can be fetched
 */
export async function startPrometheus(options: PrometheusOptions): Promise<LocalPrometheus> {
  const binary = await fetchPart(options.part ?? 'prometheus', options.log)
  for (let attempt = 1; ; attempt++) {
    const port = await freePort(attempt === 1 ? options.port : undefined)
    const prometheus = await LocalPrometheus.start(binary, port, options)
    if (await prometheus.becameReady()) return prometheus
    const log = prometheus.logTail()
    await prometheus.stop()
    if (!ADDRESS_IN_USE.test(log) || attempt === 5)
      throw new Error(`Prometheus did not start:\n${log}`)
  }
}

export class LocalPrometheus extends PrometheusApi {
  #child: Child

  private constructor(
    child: Child,
    private readonly folder: string,
    private readonly startChild: () => Promise<Child>,
    url: string,
  ) {
    super(url)
    this.#child = child
  }

  static async start(
    binary: string,
    port: number,
    options: PrometheusOptions,
  ): Promise<LocalPrometheus> {
    const folder = createRunFolder('prometheus')
    const address = `127.0.0.1:${port}`
    writeConfig(folder, options.config)
    for (const [name, text] of Object.entries(options.files ?? {}))
      writeFileSync(join(folder, name), text)
    const args = [
      `--config.file=${configFile(folder)}`,
      ...(options.agent
        ? ['--agent', `--storage.agent.path=${join(folder, 'data')}`]
        : [`--storage.tsdb.path=${join(folder, 'data')}`]),
      `--web.listen-address=${address}`,
      '--web.enable-lifecycle',
      '--log.level=warn',
      ...(options.flags ?? []),
    ]
    const startChild = () =>
      Child.start({
        name: 'Prometheus',
        command: binary,
        args,
        logFile: join(folder, 'prometheus.log'),
        cwd: folder,
      })
    return new LocalPrometheus(await startChild(), folder, startChild, `http://${address}`)
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

  /**
   * Waits until Prometheus is ready.
   *
   * @returns false if it exited or did not become ready in time
   */
  async becameReady(): Promise<boolean> {
    for (const until = performance.now() + START_TIMEOUT_MS; performance.now() < until; ) {
      if (this.#child.exit) return false
      // Another process may listen on the port: a response counts only while this child runs.
      if ((await this.ready()) && !this.#child.exit) return true
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    return false
  }

  /** Reloads the configuration, or applies a new one. Rejects if Prometheus refuses it. */
  async reload(config?: PrometheusConfig): Promise<void> {
    if (config !== undefined) writeConfig(this.folder, config)
    const response = await fetch(`${this.url}/-/reload`, { method: 'POST' })
    if (!response.ok)
      throw new Error(`Prometheus refused the configuration: ${await response.text()}`)
  }

  /** SIGKILL. The data remain for `restart`. */
  async kill(): Promise<void> {
    await this.#child.kill()
  }

  /**
   * Starts a killed Prometheus again, with its port and data, and waits until it is ready.
   *
   * @throws Error if it does not become ready
   */
  async restart(): Promise<void> {
    this.#child = await this.startChild()
    if (!(await this.becameReady()))
      throw new Error(`Prometheus did not start again:\n${this.logTail()}`)
  }

  /** Kills Prometheus and removes its data. */
  async stop(): Promise<void> {
    await this.#child.kill()
    removeRunFolder(this.folder)
  }
}

const configFile = (folder: string): string => join(folder, 'prometheus.yml')

function writeConfig(folder: string, config: PrometheusConfig): void {
  writeFileSync(
    configFile(folder),
    typeof config === 'string' ? config : JSON.stringify(config, null, 2),
  )
}
