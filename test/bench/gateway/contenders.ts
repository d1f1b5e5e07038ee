import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Child } from '../../../dev/local/child.js'
import { createRunFolder, removeRunFolder } from '../../../dev/local/folders.js'
import { freePort } from '../../../dev/local/ports.js'
import { fetchPart } from '../../../dev/local/supply.js'
import { createTopic } from '../../../shared/kafka/topics.js'
import { cpuOf, rssOf } from '../usage.js'

const program = join(fileURLToPath(new URL('../../../..', import.meta.url)), 'dist/cli/main.js')
const READY_MS = 300_000
const END_MS = 60_000

/** A gateway or a Pushgateway in its own process. */
export class GatewayProcess {
  private constructor(
    readonly name: string,
    readonly url: string,
    private readonly child: Child,
    private readonly folder: string,
  ) {}

  /** @param flags that name the store */
  static async ours(name: string, flags: readonly string[]): Promise<GatewayProcess> {
    return GatewayProcess.#start(name, process.execPath, port => [
      program,
      'gateway',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
      ...flags,
    ])
  }

  /** @param file state of an earlier process, to be read at the start and written at the end */
  static async pushgateway(check: boolean, file?: string): Promise<GatewayProcess> {
    const command = await fetchPart('pushgateway')
    return GatewayProcess.#start(
      check ? 'Pushgateway' : 'Pushgateway without its check',
      command,
      port => [
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
        ...(check ? [] : ['--push.disable-consistency-check']),
        ...(file ? [`--persistence.file=${file}`] : []),
      ],
    )
  }

  static async #start(
    name: string,
    command: string,
    argsOf: (port: number) => string[],
  ): Promise<GatewayProcess> {
    const folder = createRunFolder('bench-gateway')
    mkdirSync(folder, { recursive: true })
    const port = await freePort()
    const child = await Child.start({
      name,
      command,
      args: argsOf(port),
      logFile: join(folder, 'log'),
      cwd: folder,
    })
    const started = new GatewayProcess(name, `http://127.0.0.1:${port}`, child, folder)
    try {
      await started.ready()
    } catch (error) {
      await started.stop()
      throw error
    }
    return started
  }

  get pid(): number {
    return this.child.pid
  }

  cpu(): number {
    return cpuOf(this.pid)
  }

  /** MiB. */
  rss(): number {
    return rssOf(this.pid)
  }

  async ready(): Promise<void> {
    for (const until = performance.now() + READY_MS; performance.now() < until; ) {
      if (this.child.exit) break
      const answer = await fetch(`${this.url}/-/ready`).catch(() => undefined)
      if (answer?.ok) return
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    throw new Error(`${this.name} is not ready:\n${this.child.logTail()}`)
  }

  /** Ends it by SIGTERM, so that it can write its state. */
  async end(): Promise<void> {
    await this.child.stop('SIGTERM', END_MS)
    removeRunFolder(this.folder)
  }

  /** Ends it by SIGKILL. */
  async stop(): Promise<void> {
    await this.child.kill()
    removeRunFolder(this.folder)
  }
}

let logs = 0

/** The flags of a gateway with new topics. */
export async function kafkaFlags(brokers: readonly string[]): Promise<string[]> {
  const pushes = `bench.pushes.${process.pid}.${logs++}`
  const snapshots = `${pushes}.snapshots`
  await createTopic({ brokers }, { topic: pushes, key: 'pushes' })
  await createTopic({ brokers }, { topic: snapshots, key: 'pushSnapshots' })
  return [
    `--kafka.brokers=${brokers.join(',')}`,
    `--kafka.pushes-topic=${pushes}`,
    `--kafka.push-snapshots-topic=${snapshots}`,
  ]
}

/** A file for the state of a Pushgateway, removed by the returned function. */
export function stateFile(): { readonly file: string; remove(): void } {
  const folder = createRunFolder('bench-pushgateway')
  return { file: join(folder, 'state'), remove: () => rmSync(folder, { recursive: true }) }
}
