import { compressSync, uncompressSync } from 'snappy'
import { WrittenSamples } from '../written-samples.js'

/**
 * Reads what a Prometheus has stored by its remote read API: bits of the values and stale markers,
 * which the query API does not show.
 *
 * @param label of the series that are read, with a value
 * @param from Unix ms, as `to`
 * @see https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/
 */
export async function readStored(
  url: string,
  label: { readonly name: string; readonly value: string },
  from: number,
  to: number,
): Promise<WrittenSamples> {
  const matcher = message(field(2, Buffer.from(label.name)), field(3, Buffer.from(label.value)))
  const query = message(number(1, from), number(2, to), field(3, matcher))
  const response = await fetch(`${url}/api/v1/read`, {
    method: 'POST',
    headers: {
      'Content-Encoding': 'snappy',
      'Content-Type': 'application/x-protobuf',
      'X-Prometheus-Remote-Read-Version': '0.1.0',
    },
    body: new Uint8Array(compressSync(field(1, query))),
  })
  const body = Buffer.from(await response.arrayBuffer())
  if (!response.ok) throw new Error(`remote read: ${response.status} ${body}`)
  const stored = new WrittenSamples()
  // A result has its series in the field in which a request of protocol 1.0 has them.
  for (const result of fieldsOf(uncompressSync(body) as Buffer)) stored.add(result, '1.0')
  return stored
}

const message = (...fields: Buffer[]): Buffer => Buffer.concat(fields)
const number = (tag: number, value: number): Buffer =>
  Buffer.concat([varint(tag << 3), varint(value)])
const field = (tag: number, bytes: Buffer): Buffer =>
  Buffer.concat([varint((tag << 3) | 2), varint(bytes.length), bytes])

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

/** The values of a message whose fields are all of bytes. */
function* fieldsOf(bytes: Buffer): Generator<Buffer> {
  let at = 0
  const next = () => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++]!
      value += (byte % 128) * factor
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    next()
    const length = next()
    yield bytes.subarray(at, at + length)
    at += length
  }
}
