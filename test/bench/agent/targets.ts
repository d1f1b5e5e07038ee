import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

// A program of its own: many targets behind one port, with paths /0, /1, … Its messages are its port
// and, for each message that it gets, the number of scrapes so far.

const series = Number(process.argv[2])

/** As clients write it: a histogram, and counters and gauges with two labels. */
const PREFIXES = Array.from({ length: series }, (_, i) => {
  const name = `app_${i % 2 === 0 ? 'requests_total' : 'connections'}`
  return `${name}{handler="/api/v1/items/${i >> 1}",code="200"} `
})
const TYPES = ['# TYPE app_requests_total counter', '# TYPE app_connections gauge']

/** Samples are grouped by family, and every value differs at each scrape. */
function page(scrape: number): string {
  const lines: string[] = []
  for (const [family, type] of TYPES.entries()) {
    lines.push(type)
    for (let i = family; i < series; i += 2) lines.push(`${PREFIXES[i]}${scrape * 7 + i * 131}`)
  }
  return `${lines.join('\n')}\n`
}

let scrapes = 0
const server = createServer((_request, response) => {
  response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  response.end(page(scrapes++))
})
server.keepAliveTimeout = 120_000
server.listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port)
})
process.on('message', () => {
  process.send?.(scrapes)
})
process.on('disconnect', () => process.exit())
