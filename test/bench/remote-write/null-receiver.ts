import { createServer } from 'node:http'
import { decodeSnappyBlock } from '../../../shared/base/snappy/block.js'
import { WriteReader } from '../../../shared/metrics/remote-write/reader.js'

/**
 * A receiver that stores nothing and counts: a process of its own. Prints its URL. `GET /` answers
 * with the counts as JSON.
 */
const reader = new WriteReader()
const counts = { requests: 0, samples: 0, histograms: 0, bytes: 0, messageBytes: 0 }

const server = createServer(async (request, response) => {
  if (request.method === 'GET') {
    response.end(JSON.stringify(counts))
    return
  }
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const protocol = request.headers['content-type']?.includes('v2.Request') ? '2.0' : '1.0'
  const message = decodeSnappyBlock(body, 1e9)
  const read = reader.read(message, protocol)
  const samples = read.samplesFrom[read.series]
  const histograms = read.histogramsFrom[read.series]
  counts.requests++
  counts.samples += samples
  counts.histograms += histograms
  counts.bytes += body.length
  counts.messageBytes += message.length
  response
    .writeHead(204, {
      'x-prometheus-remote-write-samples-written': samples,
      'x-prometheus-remote-write-histograms-written': histograms,
      'x-prometheus-remote-write-exemplars-written': 0,
    })
    .end()
})
const port = Number(process.argv[2] ?? 0)
server.listen(port, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object') console.log(`http://127.0.0.1:${address!.port}`)
})
