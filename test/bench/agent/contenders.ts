import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Child } from '../../../dev/local/child.js'
import { createRunFolder, removeRunFolder } from '../../../dev/local/folders.js'
import { freePort } from '../../../dev/local/ports.js'
import { fetchPart } from '../../../dev/local/supply.js'
import { cpuOf, rssOf } from '../usage.js'

const program = join(fileURLToPath(new URL('../../../..', import.meta.url)), 'dist/cli/main.js')
const READY_MS = 60_000

/** An agent in its own process. */
export class AgentProcess {
  private constructor(
    readonly name: string,
    readonly url: string,
    private readonly child: Child,
    private readonly folder: string,
  ) {}

  /** @param config that of Prometheus, or null for host metrics only */
  static ours(config: object | null, flags: readonly string[]): Promise<AgentProcess> {
    return AgentProcess.#start('agent', process.execPath, config, (file, address) => [
      program,
      'agent',
      ...(file === null ? [] : [`--config.file=${file}`]),
      `--web.listen-address=${address}`,
      '--log.level=warn',
      ...flags,
    ])
  }

  static async prometheus(config: object): Promise<AgentProcess> {
    const command = await fetchPart('prometheus')
    return AgentProcess.#start('Prometheus in agent mode', command, config, (file, address) => [
      '--agent',
      `--config.file=${file}`,
      '--storage.agent.path=data',
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ])
  }

  static async #start(
    name: string,
    command: string,
    config: object | null,
    args: (file: string | null, address: string) => string[],
  ): Promise<AgentProcess> {
    const folder = createRunFolder('bench-agent')
    mkdirSync(folder, { recursive: true })
    const file = config && join(folder, 'config.yml')
    if (file) writeFileSync(file, JSON.stringify(config))
    const address = `127.0.0.1:${await freePort()}`
    const child = await Child.start({
      name,
      command,
      args: args(file, address),
      logFile: join(folder, 'log'),
      cwd: folder,
    })
    const started = new AgentProcess(name, `http://${address}`, child, folder)
    try {
      await started.#ready()
    } catch (error) {
      await started.stop()
      throw error
    }
    return started
  }

  /** CPU time of all threads since the start, seconds. */
  cpu(): number {
    return cpuOf(this.child.pid)
  }

  /** MiB. */
  rss(): number {
    return rssOf(this.child.pid)
  }

  async #ready(): Promise<void> {
    for (const until = performance.now() + READY_MS; performance.now() < until; ) {
      if (this.child.exit) break
      const answer = await fetch(`${this.url}/-/ready`).catch(() => undefined)
      if (answer?.ok) return
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    throw new Error(`${this.name} is not ready:\n${this.child.logTail()}`)
  }

  async stop(): Promise<void> {
    await this.child.stop('SIGTERM', 20_000)
    removeRunFolder(this.folder)
  }
}
