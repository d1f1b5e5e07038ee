import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cpuOf, rssOf } from './usage.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** A shard in its own process: the compiled program. */
export class ShardProcess {
  readonly #child: ChildProcess
  readonly #probeFile: string
  #log = ''

  private constructor(
    child: ChildProcess,
    readonly url: string,
    probeFile: string,
  ) {
    this.#child = child
    this.#probeFile = probeFile
    children.add(child)
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#log = (this.#log + chunk).slice(-20_000)
    })
    child.once('exit', () => children.delete(child))
  }

  /**
   * @param program of another build instead of this checkout
   * @param group by default the same for all shards of a topic
   */
  static start(
    brokers: string[],
    topic: string,
    port: number,
    flags: string[] = [],
    program = join(root, 'dist/cli/main.js'),
    group = `bench-${topic}`,
  ): ShardProcess {
    const probeFile = join(tmpdir(), `kafka-exposer-probe-${process.pid}-${port}.json`)
    const child = spawn(
      process.execPath,
      [
        '--import',
        join(root, 'test/bench/probe.mjs'),
        program,
        'exposer',
        `--kafka.brokers=${brokers.join(',')}`,
        `--kafka.topic=${topic}`,
        `--kafka.group=${group}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
        ...flags,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, BENCH_PROBE_FILE: probeFile } },
    )
    return new ShardProcess(child, `http://127.0.0.1:${port}`, probeFile)
  }

  get pid(): number {
    return this.#child.pid!
  }

  logTail(): string {
    return this.#log.slice(-2000)
  }

  /** CPU time of all threads since the start, seconds. */
  cpu(): number {
    return cpuOf(this.pid)
  }

  /** Resident set size, MiB. */
  rss(): number {
    return rssOf(this.pid)
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<string> {
    const response = await fetch(this.url + path, { headers })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 200)}`)
    return text
  }

  /** Reads a response and discards it. @returns its size, bytes */
  async drain(path: string, headers: Record<string, string> = {}): Promise<number> {
    const response = await fetch(this.url + path, { headers })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    let bytes = 0
    for await (const chunk of response.body!) bytes += chunk.length
    return bytes
  }

  /** Waits until the shard is ready. @returns the time that it took, ms */
  async ready(timeoutMs = 120_000): Promise<number> {
    const start = performance.now()
    for (;;) {
      if (this.#child.exitCode !== null)
        throw new Error(`the shard exited with ${this.#child.exitCode}: ${this.#log}`)
      const ok = await fetch(`${this.url}/-/ready`).then(
        r => r.ok,
        () => false,
      )
      if (ok) return performance.now() - start
      if (performance.now() - start > timeoutMs)
        throw new Error(`the shard did not become ready: ${this.#log}`)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  /** The sum of a metric over its series in /telemetry. */
  async telemetry(name: string): Promise<number> {
    let sum = 0
    for (const line of (await this.get('/telemetry')).split('\n')) {
      if (line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)))
        sum += Number(line.slice(line.lastIndexOf(' ')))
    }
    return sum
  }

  /** Measures every turn of the event loop while `work` runs. */
  async watchLoop(work: () => Promise<void>): Promise<LoopReport> {
    rmSync(this.#probeFile, { force: true })
    this.signal('SIGWINCH')
    await work()
    this.signal('SIGWINCH')
    for (let i = 0; i < 1000 && !existsSync(this.#probeFile); i++)
      await new Promise(r => setTimeout(r, 10))
    await new Promise(r => setTimeout(r, 20))
    return JSON.parse(readFileSync(this.#probeFile, 'utf8'))
  }

  /** Stops the shard by SIGTERM, and by SIGKILL after ten seconds. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = new Promise(resolve => this.#child.once('exit', resolve))
    this.signal('SIGTERM')
    const timer = setTimeout(() => this.signal('SIGKILL'), 10_000)
    await exited
    clearTimeout(timer)
    rmSync(this.#probeFile, { force: true })
  }
}

export interface LoopReport {
  readonly longestSliceMs: number
  readonly next: number[]
  readonly delayP99Ms: number
  readonly delayMaxMs: number
}
