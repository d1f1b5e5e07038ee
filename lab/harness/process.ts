import { join } from 'node:path'
import { built } from '../../dev/local/built.js'
import type { Child } from '../../dev/local/child.js'
import { launch } from '../../dev/local/launch.js'
import { freePort } from '../../dev/local/ports.js'
import { type Usage, usageOf } from './usage.js'

/** A process of an experiment that serves HTTP. */
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

  /** SIGKILL, and also of one that was stopped. */
  async kill(): Promise<void> {
    await this.child.kill()
  }

  async stop(): Promise<void> {
    this.child.signal('SIGCONT')
    await this.child.stop()
  }

  async get(path: string): Promise<string> {
    const response = await fetch(this.url + path)
    const text = await response.text()
    if (!response.ok) throw new Error(`${this.url}${path} answered ${response.status}: ${text}`)
    return text
  }
}

let started = 0

/**
 * Starts a program that was built, and waits until it listens.
 *
 * @param args made of the port that it is to listen on
 * @param onStart told as soon as there is something to be stopped
 */
export async function start(
  name: string,
  path: string,
  folder: string,
  args: (port: number) => readonly string[],
  onStart: (child: Child) => void,
): Promise<LabProcess> {
  const logFile = join(folder, `${name.replace(/\W+/g, '-')}-${++started}.log`)
  const [{ child, url }] = await launch(
    [{ name, script: built(path), preferredPort: await freePort(), args, logFile }],
    onStart,
  )
  return new LabProcess(child, url)
}
