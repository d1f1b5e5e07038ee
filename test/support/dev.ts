import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { processIdentity } from '../../dev/local/process-identity.mjs'
import { reaper } from '../../dev/local/reaper.js'
import { eventually } from './eventually.js'
import { expectLedgerToAddUp } from './ledger.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** The JSON line of `--json`. */
export interface Running {
  readonly url: string
  readonly kafka: { readonly brokers: readonly string[]; readonly pid: number | null }
  readonly exposers: readonly { readonly url: string; readonly pid: number }[]
  readonly gateways: readonly { readonly url: string; readonly pid: number }[]
  readonly agents: readonly { readonly url: string; readonly pid: number }[]
  readonly apps: readonly {
    readonly url: string
    readonly pid: number
    readonly job: string
    readonly instance: string
  }[]
  readonly prometheus: { readonly url: string; readonly pid: number } | null
}

export interface DevOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Whether `npm start` is run instead of the program. */
  readonly npm?: boolean
}

/**
 * A process of `kafka-exposer dev` with its own topic and group. It is killed when this process
 * ends, for whatever reason.
 */
export class Dev {
  stdout = ''
  stderr = ''
  /** Exit code, or the signal that killed the process. */
  readonly exited: Promise<number | NodeJS.Signals>
  readonly pid: number
  readonly #child: ChildProcess
  #exposers: Running['exposers'] = []

  private constructor(child: ChildProcess) {
    this.#child = child
    this.pid = child.pid!
    child.stdout!.on('data', chunk => {
      this.stdout += chunk
    })
    child.stderr!.on('data', chunk => {
      this.stderr += chunk
    })
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject)
      // Not `close`: children that inherited the output may keep it open.
      child.once('exit', (code, signal) => {
        reaper().unwatch(this.pid)
        resolve(code ?? signal!)
      })
    })
  }

  static start(args: readonly string[], { env = {}, npm = false }: DevOptions = {}): Dev {
    const own = `dev-${process.pid}-${Math.random().toString(36).slice(2, 8)}`
    const flags = [`--kafka.topic=${own}`, `--kafka.group=${own}`, ...args]
    const [command, prefix] = npm
      ? ['npm', ['start', '--silent', '--']]
      : [process.execPath, [main, 'dev']]
    const { KAFKA_BROKERS: _, ...environment } = process.env
    const child = spawn(command, [...prefix, ...flags], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...environment, ...env },
      detached: true,
    })
    reaper().watch(child.pid!)
    return new Dev(child)
  }

  /**
   * Waits until the pipeline is up.
   *
   * @throws Error with the standard error of a process that exits before
   */
  async running(within = 150_000): Promise<Running> {
    const ended = this.exited.then(code => {
      throw new Error(`dev ended with ${code} before everything was up:\n${this.stderr}`)
    })
    const line = eventually(() => {
      const end = this.stdout.indexOf('\n')
      if (end < 0)
        throw new Error(`nothing on standard output within ${within} ms:\n${this.stderr}`)
      return this.stdout.slice(0, end)
    }, within)
    const running = JSON.parse(await Promise.race([line, ended])) as Running
    this.#exposers = running.exposers
    return running
  }

  /** Waits until standard error matches the pattern. */
  async printed(pattern: RegExp, within = 60_000): Promise<void> {
    await eventually(() => {
      if (!pattern.test(this.stderr))
        throw new Error(`no ${pattern} on standard error:\n${this.stderr}`)
    }, within)
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /**
   * Stops the process by SIGINT, and by SIGKILL after a timeout. The ledgers of running shards have
   * to add up before that.
   */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    try {
      const running = this.#exposers.filter(({ pid }) => alive([pid]).length > 0)
      await Promise.all(running.map(({ url }) => expectLedgerToAddUp(url)))
    } finally {
      this.signal('SIGINT')
      const timer = setTimeout(() => this.signal('SIGKILL'), 60_000)
      await once(this.#child, 'exit')
      clearTimeout(timer)
    }
  }
}

export const pidsOf = ({
  kafka,
  exposers,
  gateways,
  agents,
  apps,
  prometheus,
}: Running): number[] =>
  [
    kafka.pid,
    ...[...exposers, ...gateways, ...agents, ...apps].map(({ pid }) => pid),
    prometheus?.pid ?? null,
  ].filter(pid => pid !== null)

/** The processes that are running. */
export const alive = (pids: readonly number[]): number[] =>
  pids.filter(pid => processIdentity(pid) !== null)

/** The descendants of a process, including its watchdogs. */
export function descendants(pid: number): number[] {
  const parents = processes()
  const below = [pid]
  for (const parent of below)
    below.push(...parents.filter(p => p.parent === parent).map(p => p.pid))
  return below.slice(1)
}

function processes(): { pid: number; parent: number }[] {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=']).toString().trim().split('\n')
    return lines
      .map(line => line.trim().split(/\s+/).map(Number))
      .map(([pid, parent]) => ({ pid, parent }))
  }
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        return {
          pid: Number(name),
          parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]),
        }
      } catch {
        return [] // The process has ended.
      }
    })
}

/** The run folders of the processes. */
export function runFolders(pids: readonly number[]): string[] {
  const local = join(root, '.local')
  const folders = existsSync(local) ? readdirSync(local) : []
  return folders.filter(name => pids.some(pid => name.includes(`-${pid}-`)))
}
