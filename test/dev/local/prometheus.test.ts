import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type LocalPrometheus, startPrometheus } from '../../../dev/local/prometheus.js'
import { eventually } from '../../support/eventually.js'
import { partOrSkip } from '../../support/or-skip.js'

let prometheus: LocalPrometheus | undefined
let app: Server | undefined

afterEach(async () => {
  await prometheus?.stop()
  app?.closeAllConnections()
  await new Promise(resolve => (app ? app.close(resolve) : resolve(null)))
})

const scraping = (job: string, address: string) => ({
  scrape_configs: [
    { job_name: job, scrape_interval: '1s', static_configs: [{ targets: [address] }] },
  ],
})

const binary = await partOrSkip('prometheus')

describe.skipIf(binary === null)('a Prometheus for development and tests', () => {
  test('scrapes, answers queries, and takes another configuration', async () => {
    app = createServer((_request, response) => {
      response.setHeader('content-type', 'text/plain; version=0.0.4')
      response.end('answer 42\n')
    })
    app.listen(0, '127.0.0.1')
    await new Promise(resolve => app!.once('listening', resolve))
    const address = `127.0.0.1:${(app.address() as AddressInfo).port}`
    prometheus = await startPrometheus({ config: scraping('first', address) })
    const query = (promql: string) => prometheus!.query(promql)
    await eventually(async () => expect((await query('answer'))[0]?.value[1]).toBe('42'))
    await prometheus.reload(scraping('second', address))
    await eventually(async () => {
      expect((await prometheus!.targets()).map(t => t.labels.job)).toEqual(['second'])
      expect(await query('answer{job="second"}')).toHaveLength(1)
    })
    await expect(prometheus.reload('scrape_configs: 7')).rejects.toThrow(/refused/)
    await expect(query('sum(')).rejects.toThrow(/parse error/)
  })
})
