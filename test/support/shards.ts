import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'
import { freePort } from '../../dev/local/ports.js'
import type { ExposerConfig } from '../../exposer/server/config.js'
import { createExposer, type Exposer } from '../../exposer/server/exposer.js'
import type { Sender } from '../../shared/kafka/sender.js'
import { EXPOSER_CONFIG } from './exposer-config.js'
import { newSender, silent } from './kafka.js'
import { expectLedgerToAddUp, type Get } from './ledger.js'
import { FakeApp } from './records.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

export interface ShardSettings {
  readonly topic: string
  readonly group: string
  /** Milliseconds. */
  readonly sessionTimeout?: number
  /** Flags of a shard in its own process. */
  readonly flags?: readonly string[]
}

export interface ChildSettings extends ShardSettings {
  /** Such as `--max-old-space-size=128`. */
  readonly nodeOptions?: readonly string[]
  /** Port of a shard that is to be started again with the same address. Default: any. */
  readonly port?: number
  /** Milliseconds. */
  readonly heartbeatInterval?: number
  readonly logLevel?: 'debug' | 'info' | 'error'
  /** Receives what the process prints. Default: the output of the test. */
  readonly onOutput?: (text: string) => void
}

const SESSION_TIMEOUT = 6000

/**
 * Starts a shard in this process. `stop` expects that its ledger adds up.
 *
 * @param get sends requests to a shard that requires authentication
 */
export async function startShard(
  settings: ShardSettings,
  overrides: Partial<ExposerConfig> = {},
  get?: Get,
): Promise<Exposer> {
  const shard = createExposer(
    {
      ...EXPOSER_CONFIG,
      kafka: { brokers: inject('brokers') },
      sessionTimeout: SESSION_TIMEOUT,
      heartbeatInterval: 300,
      externalUrl: 'http://exposer.example:9754',
      ...settings,
      ...overrides,
    },
    { logger: silent, version: '0.0.0-test' },
  )
  await shard.start()
  let stopping: Promise<void> | undefined
  let hasFailed = false
  shard.failed.catch(() => {
    hasFailed = true
  })
  const stop = async () => {
    try {
      // A shard that has failed to start has no ledger.
      if (!hasFailed) await expectLedgerToAddUp(shard.url, get)
    } finally {
      await shard.stop()
    }
  }
  return {
    start: () => shard.start(),
    stop: () => (stopping ??= stop()),
    url: shard.url,
    failed: shard.failed,
  }
}

/**
 * A shard in its own process, to be killed or suspended. `end` expects that its ledger adds up, if
 * the shard listens and is not suspended.
 */
export class ShardChild {
  readonly url: string
  /** Resolves with the exit code when the process has ended; null if it was killed. */
  readonly exited: Promise<number | null>
  readonly #child: ChildProcess
  #suspended = false

  private constructor(
    settings: ChildSettings,
    private readonly port: number,
  ) {
    this.url = `http://127.0.0.1:${port}`
    this.#child = spawn(
      process.execPath,
      [
        ...(settings.nodeOptions ?? []),
        main,
        'exposer',
        `--kafka.brokers=${inject('brokers').join(',')}`,
        `--kafka.topic=${settings.topic}`,
        `--kafka.group=${settings.group}`,
        `--kafka.session-timeout=${settings.sessionTimeout ?? SESSION_TIMEOUT}ms`,
        `--kafka.heartbeat-interval=${settings.heartbeatInterval ?? 300}ms`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--web.external-url=http://exposer.example:9754',
        '--exposition.playout-delay=0s',
        `--log.level=${settings.logLevel ?? 'error'}`,
        ...(settings.flags ?? []),
      ],
      { stdio: ['ignore', 'inherit', settings.onOutput ? 'pipe' : 'inherit'] },
    )
    this.#child.stderr?.on('data', chunk => settings.onOutput!(String(chunk)))
    children.add(this.#child)
    this.exited = new Promise(resolve =>
      this.#child.once('exit', code => {
        children.delete(this.#child)
        resolve(code)
      }),
    )
  }

  static async start(settings: ChildSettings): Promise<ShardChild> {
    return new ShardChild(settings, settings.port ?? (await freePort()))
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Starts a shard at the address of this one, which has ended. */
  restart(settings: ChildSettings): ShardChild {
    return new ShardChild(settings, this.port)
  }

  signal(signal: NodeJS.Signals): void {
    if (signal === 'SIGSTOP') this.#suspended = true
    if (signal === 'SIGCONT') this.#suspended = false
    this.#child.kill(signal)
  }

  /** @returns the exit code, or null if the process was killed */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    if (!this.running) return this.exited
    try {
      if (await this.#listens()) await expectLedgerToAddUp(this.url)
    } finally {
      this.#child.kill(signal)
      if (signal !== 'SIGCONT') this.#child.kill('SIGCONT')
    }
    return this.exited
  }

  async #listens(): Promise<boolean> {
    if (this.#suspended) return false
    return fetch(`${this.url}/-/healthy`).then(
      response => response.ok,
      () => false,
    )
  }
}

/** Apps that publish a counter of their published snapshots. */
export class Fleet {
  readonly apps: readonly FakeApp[]
  readonly #sender: Sender
  #round = 0
  #publishing: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(topic: string, count: number, prefix = 'app') {
    this.#sender = newSender(topic)
    this.apps = Array.from(
      { length: count },
      (_, i) =>
        new FakeApp({
          labels: { job: 'shop', instance: `${prefix}-${i}` },
          // Long, so that no target becomes stale during a test.
          intervalMs: 60_000,
          incarnation: Date.now(),
        }),
    )
  }

  /** Snapshots that each app has published. */
  get round(): number {
    return this.#round
  }

  /** Publishes one snapshot of each app. */
  async publish(): Promise<void> {
    const exposition = `# TYPE published_total counter\npublished_total ${this.#round + 1}\n`
    for (const app of this.apps) {
      const records = app.records({ exposition, collectedAt: Date.now() })
      await this.#sender.send(
        app.key,
        records.map(record => record.value!),
      )
    }
    this.#round++
  }

  /** Publishes snapshots of all apps repeatedly until `stop`. */
  run(pauseMs = 300): void {
    this.#publishing = (async () => {
      while (!this.#stopped) {
        await this.publish()
        await new Promise(resolve => setTimeout(resolve, pauseMs))
      }
    })()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#publishing
    await this.#sender.disconnect()
  }
}

export function targetPath(app: FakeApp): string {
  const labels = Object.fromEntries(app.labels.map(({ name, value }) => [name, value]))
  return `/target?${new URLSearchParams(labels)}`
}

/** The value of the counter of `Fleet` in an exposition. */
export function publishedIn(exposition: string): number {
  return Number(/^published_total(?:\{[^}]*\})? (\d+)$/m.exec(exposition)?.[1] ?? Number.NaN)
}
