import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from './child.js'
import { createRunFolder, removeRunFolder } from './folders.js'
import { freePort } from './ports.js'
import { fetchPart } from './supply.js'

const START_TIMEOUT_MS = 30_000

export interface LocalVmagent {
  readonly url: string
  readonly child: Child
  /** Stops vmagent and removes its data. */
  stop(): Promise<void>
}

/**
 * Starts a vmagent on a free port, and waits until it is healthy.
 *
 * @param config Prometheus's `scrape_configs`, as an object
 * @param urls where it sends by remote write
 */
export async function startVmagent(
  config: object,
  urls: readonly string[],
  flags: readonly string[] = [],
): Promise<LocalVmagent> {
  const command = await fetchPart('vmagent')
  const address = `127.0.0.1:${await freePort()}`
  const folder = createRunFolder('vmagent')
  writeFileSync(join(folder, 'scrape.yml'), JSON.stringify(config))
  const child = await Child.start({
    name: 'vmagent',
    command,
    args: [
      `-promscrape.config=${join(folder, 'scrape.yml')}`,
      `-httpListenAddr=${address}`,
      `-remoteWrite.tmpDataPath=${join(folder, 'data')}`,
      ...urls.map(url => `-remoteWrite.url=${url}`),
      ...flags,
    ],
    logFile: join(folder, 'vmagent.log'),
    cwd: folder,
  })
  const stop = async () => {
    await child.stop()
    removeRunFolder(folder)
  }
  const url = `http://${address}`
  for (
    const until = performance.now() + START_TIMEOUT_MS;
    performance.now() < until && !child.exit;
  ) {
    const isHealthy = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isHealthy) return { url, child, stop }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  const log = child.logTail()
  await stop()
  throw new Error(`vmagent did not start:\n${log}`)
}
