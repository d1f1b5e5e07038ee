import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import { Sampler } from '../../producer/sampler.js'
import { Sources } from '../../producer/source.js'
import type { SnapshotHeader } from '../../shared/snapshot/types.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'
import { registryOf } from './registry.js'
import type { Row } from './table.js'

const TIMEOUT_MS = 10_000

/** A registry with the default metrics of prom-client, which most applications have. */
function withDefaults(): Registry {
  const register = new Registry()
  collectDefaultMetrics({ register })
  return register
}

/** An application with its own metrics beside the defaults, whose names are in no dictionary. */
async function service(series: number): Promise<Registry> {
  const register = withDefaults()
  const { values } = await sampled(register, 'gzip')
  return registryOf(series - values.length, register)
}

/** The request metrics of an HTTP server with three routes. */
function withHttp(): Registry {
  const register = withDefaults()
  const labelNames = ['method', 'route', 'status_code']
  const registers = [register]
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of HTTP requests by method, route and status',
    labelNames,
    registers,
  })
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Number of HTTP requests',
    labelNames,
    registers,
  })
  for (const labels of [
    ['GET', '/products/:product', '200'],
    ['POST', '/carts/:cart/items', '201'],
    ['GET', '/products/:product', '404'],
  ]) {
    for (let i = 1; i < 200; i++) duration.labels(...labels).observe(i ** 2 / 10_000)
    requests.labels(...labels).inc(199)
  }
  return register
}

async function sampled(register: Registry, compression: 'dictionary' | 'gzip') {
  const { readings } = await new Sources(register).collect(TIMEOUT_MS)
  return await new Sampler(compression).read(readings).sample()
}

/** Sizes of the records of typical applications, with both compressions of the layout. */
export async function recordSizes(header: SnapshotHeader): Promise<Row[]> {
  return [
    await sizeRow(header, 'a service', await service(100), '≤ 9 bytes'),
    await sizeRow(header, 'a service', await service(1000), '≤ 6 bytes'),
    await sizeRow(header, 'default metrics of prom-client', withDefaults()),
    await sizeRow(header, 'the same with an HTTP histogram', withHttp()),
  ]
}

async function sizeRow(
  header: SnapshotHeader,
  what: string,
  register: Registry,
  goal?: string,
): Promise<Row> {
  const bytesOf = async (compression: 'dictionary' | 'gzip') => {
    const { parts, values } = await sampled(register, compression)
    const sizes = parts.map(({ layout, from, to }) => ({
      record: encodeSnapshot(
        { ...header, layoutId: layout.id },
        { layoutCompressed: layout.compressed, values: values.subarray(from, to) },
      ).length,
      layout: layout.compressed.length,
    }))
    const perSample = (of: 'record' | 'layout') =>
      sizes.reduce((sum, size) => sum + size[of], 0) / values.length
    return { series: values.length, record: perSample('record'), layout: perSample('layout') }
  }
  const { series, record, layout } = await bytesOf('dictionary')
  const gzip = await bytesOf('gzip')
  return {
    work: `bytes per sample, ${what}, ${series} series`,
    figure: `${record.toFixed(2)} bytes`,
    goal,
    note: `gzip ${gzip.record.toFixed(2)}; layout ${layout.toFixed(2)} instead of ${gzip.layout.toFixed(2)}`,
  }
}
