import { createConnection } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { Child } from './child.js'
import { withLock } from './lock.mjs'
import { ADDRESS_IN_USE, freePorts, isFree } from './ports.js'

/** A program that serves HTTP. */
export interface Program {
  readonly name: string
  /** The interpreter of the script. Default: Node.js. */
  readonly command?: string
  readonly script: string
  /** Used if it is free. */
  readonly preferredPort: number
  args(port: number): readonly string[]
  readonly logFile: string
}

export interface LaunchedProgram {
  readonly child: Child
  readonly port: number
  readonly url: string
}

const START_TIMEOUT_MS = 60_000

/**
 * Starts programs in parallel, each on its preferred port or another one, and waits until they
 * listen.
 *
 * Another checkout that prefers the same ports may take one between its choice and its use. A lock
 * excludes other processes of this user; for all others the start is retried.
 *
 * @param onStart called with each child as soon as it listens, so that it can be stopped if another
 *   fails
 * @throws Error with the end of the log of a program that exited
 */
export function launch(
  programs: readonly Program[],
  onStart: (child: Child) => void,
): Promise<LaunchedProgram[]> {
  return withPortLock(async () => {
    const others = await freePorts(programs.length)
    const ports = await Promise.all(
      programs.map(async ({ preferredPort }, i) =>
        (await isFree(preferredPort)) ? preferredPort : others[i],
      ),
    )
    return Promise.all(programs.map((program, i) => launchOne(program, ports[i], onStart)))
  })
}

/** Runs `work` while no other process of this user chooses ports. */
export function withPortLock<T>(work: () => Promise<T>): Promise<T> {
  return withLock(join(tmpdir(), `kafka-exposer-${userInfo().uid}`, 'ports.lock'), work)
}

async function launchOne(
  program: Program,
  first: number,
  onStart: (child: Child) => void,
): Promise<LaunchedProgram> {
  for (let port = first, attempt = 1; ; attempt++) {
    const { name, command = process.execPath, script, logFile } = program
    const args = [script, ...program.args(port)]
    const child = await Child.start({ name, command, args, logFile })
    if (await listens(child, port)) {
      onStart(child)
      return { child, port, url: `http://127.0.0.1:${port}` }
    }
    await child.kill()
    const log = child.logTail()
    if (!ADDRESS_IN_USE.test(log) || attempt === 5)
      throw new Error(`${child.describeExit()}:\n${log}`)
    port = (await freePorts(1))[0]
  }
}

async function listens(child: Child, port: number): Promise<boolean> {
  for (const until = performance.now() + START_TIMEOUT_MS; performance.now() < until; ) {
    if (child.exit) return false
    if (await connects(port)) return true
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return false
}

function connects(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
