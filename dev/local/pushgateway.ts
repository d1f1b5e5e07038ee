import { join } from 'node:path'
import { Child } from './child.js'
import { createRunFolder, removeRunFolder } from './folders.js'
import { freePort } from './ports.js'
import { fetchPart } from './supply.js'

const START_TIMEOUT_MS = 30_000

export interface LocalPushgateway {
  readonly url: string
  stop(): Promise<void>
}

/** Starts a Pushgateway on a free port, and waits until it is ready. */
export async function startPushgateway(flags: readonly string[] = []): Promise<LocalPushgateway> {
  const command = await fetchPart('pushgateway')
  const address = `127.0.0.1:${await freePort()}`
  const folder = createRunFolder('pushgateway')
  const child = await Child.start({
    name: 'Pushgateway',
    command,
    args: [`--web.listen-address=${address}`, '--log.level=warn', ...flags],
    logFile: join(folder, 'pushgateway.log'),
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
    if (await isReady(url)) return { url, stop }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  const log = child.logTail()
  await stop()
  throw new Error(`Pushgateway did not start:\n${log}`)
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/-/ready`)).ok
  } catch {
    return false
  }
}
