import { join } from 'node:path'
import type { Child } from '../../dev/local/child.js'
import { compiledScript } from '../../dev/local/compiled-script.js'
import { launch } from '../../dev/local/launch.js'
import { freePort } from '../../dev/local/ports.js'
import { type Usage, usageOf } from './usage.js'

/** A child process of an experiment that serves HTTP. */
export class LabProcess {
  constructor(
    readonly child: Child,
    readonly url: string,
  ) {}

  get pid(): number {
    return this.child.pid
  }

  usage(): Usage {
    return usageOf(this.pid)
  }

  signal(signal: NodeJS.Signals): void {
    this.child.signal(signal)
  }

  /** SIGKILL. Works for a paused process too. */
  async kill(): Promise<void> {
    await this.child.kill()
  }

  async stop(): Promise<void> {
    this.child.signal('SIGCONT')
    await this.child.stop()
  }

  /** @throws Error for a status outside 200–299, with the body */
  async get(path: string): Promise<string> {
    const response = await fetch(this.url + path)
    const text = await response.text()
    if (!response.ok)
      throw new Error(`${this.url}${path} returned HTTP status ${response.status}: ${text}`)
    return text
  }
}

let processes = 0

/**
 * Starts a compiled program and waits until it listens.
 *
 * @param script path below `dist`
 * @param logFolder folder for the process's output
 * @param argsOf arguments for the port to listen on
 * @param onStart called with the child as soon as it listens; the callee has to stop it
 */
export async function startProcess(
  name: string,
  script: string,
  logFolder: string,
  argsOf: (port: number) => readonly string[],
  onStart: (child: Child) => void,
): Promise<LabProcess> {
  const logFile = join(logFolder, `${name.replace(/\W+/g, '-')}-${++processes}.log`)
  const [{ child, url }] = await launch(
    [
      {
        name,
        script: compiledScript(script),
        preferredPort: await freePort(),
        args: argsOf,
        logFile,
      },
    ],
    onStart,
  )
  return new LabProcess(child, url)
}
