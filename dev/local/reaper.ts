import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { processIdentity } from './process-identity.mjs'

/**
 * Cleans up when this process ends, even after SIGKILL or a crash: a detached watchdog process
 * kills the registered processes and removes the registered folders. There is one watchdog per
 * process, started with the first registration.
 */
class Reaper {
  readonly #watchdog: Writable

  constructor() {
    const script = fileURLToPath(new URL('./reaper/watchdog.mjs', import.meta.url))
    const child = spawn(process.execPath, [script], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#watchdog = child.stdin
    // If the watchdog has died, a failed write must not crash this process.
    this.#watchdog.on('error', () => {})
    child.on('error', () => {})
    child.unref()
    ;(this.#watchdog as unknown as { unref(): void }).unref()
  }

  /** Kills `pid` when this process ends. The process must be running. */
  watch(pid: number): void {
    this.#tell({ watch: pid, identity: processIdentity(pid) })
  }

  unwatch(pid: number): void {
    this.#tell({ forget: pid })
  }

  /** Removes a folder and its contents when this process ends. */
  removeOnExit(folder: string): void {
    this.#tell({ folder })
  }

  keep(folder: string): void {
    this.#tell({ keep: folder })
  }

  #tell(order: object): void {
    this.#watchdog.write(`${JSON.stringify(order)}\n`)
  }
}

const KEY = Symbol.for('kafka-exposer.reaper')

/** The reaper of this process. It is a singleton even if a test runner loads this module twice. */
export function reaper(): Reaper {
  const holder = process as unknown as { [KEY]?: Reaper }
  holder[KEY] ??= new Reaper()
  return holder[KEY]
}
