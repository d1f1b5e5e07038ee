import { createConnection } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { Child } from './child.js'
import { withLock } from './lock.mjs'
import { ADDRESS_IN_USE, freePorts, isFree } from './ports.js'

/** A program of ours that serves HTTP. */
export interface Program {
  readonly name: string
  readonly script: string
  /** Taken when it is free. */
  readonly preferredPort: number
  args(port: number): readonly string[]
  readonly logFile: string
}

export interface LaunchedProgram {
  readonly child: Child
  readonly port: number
  readonly url: string
}

const LISTENS_WITHIN_MS = 60_000

/**
 * Starts programs side by side, each on its preferred port or another, and waits until they listen.
 *
 * Between choosing a port and listening on it, another checkout that prefers the same ports may do the same. So this is done
 * by one process of this user at a time; against all others there is another try.
 *
 * @param onStart told of each child as soon as it listens, so that it can be ended also when another fails
 * @throws Error with the last words of a program that ended
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

/** Nobody else of this user chooses preferred ports meanwhile. */
export function withPortLock<T>(work: () => Promise<T>): Promise<T> {
  return withLock(join(tmpdir(), `kafka-exposer-${userInfo().uid}`, 'ports.lock'), work)
}

async function launchOne(
  program: Program,
  first: number,
  onStart: (child: Child) => void,
): Promise<LaunchedProgram> {
  for (let port = first, attempt = 1; ; attempt++) {
    const { name, script, logFile } = program
    const child = await Child.node(name, script, program.args(port), logFile)
    if (await listens(child, port)) {
      onStart(child)
      return { child, port, url: `http://127.0.0.1:${port}` }
    }
    await child.kill()
    const words = child.logTail()
    if (!ADDRESS_IN_USE.test(words) || attempt === 5) throw new Error(`${child.describeExit()}:\n${words}`)
    port = (await freePorts(1))[0]
  }
}

async function listens(child: Child, port: number): Promise<boolean> {
  for (const until = performance.now() + LISTENS_WITHIN_MS; performance.now() < until; ) {
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
