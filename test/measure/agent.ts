import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Child } from '../../dev/local/child.js'
import { createRunFolder, removeRunFolder } from '../../dev/local/folders.js'
import { freePort } from '../../dev/local/ports.js'
import type { Bench } from '../bench/pipeline.js'
import type { Row } from '../bench/table.js'
import { cpuOf, rssOf } from '../bench/usage.js'
import { seconds, until } from './world.js'

const TARGETS = 1000
const SERIES = 100
const WARM_UP_S = 40
const PROGRAM = fileURLToPath(new URL('../../../dist/cli/bin.mjs', import.meta.url))

/**
 * Measures the CPU time and the memory of an agent, with the metrics of this machine and with a
 * thousand local targets, every 15 s.
 */
export async function agents(bench: Bench, forSeconds = 60): Promise<Row[]> {
  const pages = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4')
    response.end(page())
  })
  await new Promise<void>(resolve => pages.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(pages.address() as AddressInfo).port}`
  const static_configs = Array.from({ length: TARGETS }, (_, i) => ({
    targets: [address],
    labels: { instance: `app-${i}`, __metrics_path__: `/${i}` },
  }))
  const folder = createRunFolder('agent')
  const file = join(folder, 'agent.yml')
  writeFileSync(
    file,
    JSON.stringify({
      global: { scrape_interval: '15s' },
      scrape_configs: [{ job_name: 'apps', static_configs }],
    }),
  )
  try {
    const host = await usage(bench, folder, [], forSeconds)
    const scraping = await usage(bench, folder, [`--config.file=${file}`], forSeconds)
    return [
      { work: 'an agent with the metrics of its machine, every 15 s: CPU / memory', ...host },
      {
        work: `an agent with ${TARGETS} local targets of ${SERIES} series, every 15 s: CPU / memory`,
        ...scraping,
      },
    ]
  } finally {
    pages.closeAllConnections()
    pages.close()
    removeRunFolder(folder)
  }
}

let scrapes = 0
function page(): string {
  scrapes++
  return Array.from({ length: SERIES / 10 }, (_, m) => {
    const name = `app_metric_${m}_total`
    const lines = Array.from(
      { length: 10 },
      (_, i) => `${name}{path="/api/v1/thing",code="200",shard="${i}"} ${7 * scrapes + i}\n`,
    )
    return `# HELP ${name} Requests of the application.\n# TYPE ${name} counter\n${lines.join('')}`
  }).join('')
}

async function usage(
  bench: Bench,
  folder: string,
  flags: readonly string[],
  forSeconds: number,
): Promise<{ figure: string; note: string }> {
  const port = await freePort()
  const agent = await Child.start({
    name: 'agent',
    command: process.execPath,
    args: [
      ...[PROGRAM, 'agent', `--kafka.brokers=${bench.brokers.join()}`],
      ...[`--kafka.topic=${await bench.topic()}`, `--web.listen-address=127.0.0.1:${port}`],
      ...flags,
    ],
    logFile: join(folder, 'agent.log'),
  })
  const metric = async (name: string) => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
  }
  try {
    await until(async () => (await metric('agent_collections_total')) > 0)
    await seconds(WARM_UP_S)
    const [before, collections] = [cpuOf(agent.pid), await metric('agent_collections_total')]
    await seconds(forSeconds)
    const cpu = cpuOf(agent.pid) - before
    const done = (await metric('agent_collections_total')) - collections
    return {
      figure: `${((cpu / forSeconds) * 100).toFixed(2)} % of a core / ${rssOf(agent.pid).toFixed(0)} MiB`,
      note: `${forSeconds} s; ${((1000 * cpu) / done).toFixed(2)} ms for each of ${done} collections; ${await metric('agent_collections_failed_total')} failed, ${await metric('agent_superseded_total')} superseded`,
    }
  } finally {
    await agent.kill()
  }
}
