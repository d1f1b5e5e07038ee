import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { httpService } from '../workload.js'

// A program of its own: the applications of a backlog, scraped. Those with paths /0, /1, … have the
// layout and values that a backlog of the same size appends, one round for each scrape. Its message
// is its port.

const workload = httpService(Number(process.argv[2]))
const values = new Float64Array(workload.series)
const rounds = new Map<number, number>()

const labelText = (labels: readonly { name: string; value: string }[]) =>
  labels.map(({ name, value }) => `${name}="${value}"`).join(',')

/** For each family its head, and the text of each series up to its value. */
const families = workload.layout.families.map(({ name, type, help, series }) => ({
  head: `# HELP ${name}${type === 'counter' ? '_total' : ''} ${help}\n# TYPE ${name}${type === 'counter' ? '_total' : ''} ${type}`,
  series: series.map(({ suffix, labels }) => `${name}${suffix}{${labelText(labels)}} `),
}))

function page(target: number): string {
  const round = rounds.get(target) ?? 0
  rounds.set(target, round + 1)
  workload.fill(values, target, round)
  const lines: string[] = []
  let i = 0
  for (const { head, series } of families) {
    lines.push(head)
    for (const prefix of series) lines.push(prefix + values[i++])
  }
  return `${lines.join('\n')}\n`
}

const server = createServer((request, response) => {
  response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  response.end(page(Number(request.url!.slice(1))))
})
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port)
})
process.on('disconnect', () => process.exit())
