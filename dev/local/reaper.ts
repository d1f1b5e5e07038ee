import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { processIdentity } from './process-identity.mjs'

/**
 * Sees to it that nothing is left running: a detached watchdog process ends what is registered here as soon as this
 * process is gone, also after SIGKILL or a crash. There is one per process, started with the first registration.
 */
class Reaper {
  readonly #watchdog: Writable

  constructor() {
    const script = fileURLToPath(new URL('./reaper/watchdog.mjs', import.meta.url))
    const child = spawn(process.execPath, [script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
    this.#watchdog = child.stdin
    // Should the watchdog be gone, writing to it must not take the process down that it watches.
    this.#watchdog.on('error', () => {})
    child.on('error', () => {})
    child.unref()
    ;(this.#watchdog as unknown as { unref(): void }).unref()
  }

  /** Ends `pid` when this process is gone. The pid must be running. */
  watch(pid: number): void {
    this.#tell({ watch: pid, identity: processIdentity(pid) })
  }

  unwatch(pid: number): void {
    this.#tell({ forget: pid })
  }

  /** Removes a folder and all that is in it when this process is gone. */
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

/** The reaper of this process, also when this module was loaded twice, as test runners do. */
export function reaper(): Reaper {
  const holder = process as unknown as { [KEY]?: Reaper }
  holder[KEY] ??= new Reaper()
  return holder[KEY]
}
