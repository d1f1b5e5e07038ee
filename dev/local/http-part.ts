import { join } from 'node:path'
import { Child } from './child.js'
import { createRunFolder, removeRunFolder } from './folders.js'
import { PARTS, type PartName } from './parts.js'
import { freePort } from './ports.js'
import { fetchPart } from './supply.js'

const START_TIMEOUT_MS = 30_000

/** A part that serves HTTP. */
export interface HttpPart {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/**
 * Starts a part on a free port, in a folder of its own, and waits until a path answers with 200.
 *
 * @throws Error with the end of its log
 */
export async function startHttpPart(
  part: PartName,
  args: (address: string) => readonly string[],
  readyPath = '/-/ready',
): Promise<HttpPart> {
  const command = await fetchPart(part)
  const name = PARTS[part].title
  const address = `127.0.0.1:${await freePort()}`
  const folder = createRunFolder(part)
  const child = await Child.start({
    name,
    command,
    args: args(address),
    logFile: join(folder, `${part}.log`),
    cwd: folder,
  })
  const stop = async () => {
    await child.kill()
    removeRunFolder(folder)
  }
  const url = `http://${address}`
  for (
    const until = performance.now() + START_TIMEOUT_MS;
    performance.now() < until && !child.exit;
  ) {
    if (await isReady(`${url}${readyPath}`)) return { url, pid: child.pid, stop }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  const log = child.logTail()
  await stop()
  throw new Error(`${name} did not start:\n${log}`)
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}
