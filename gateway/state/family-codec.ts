import { isUtf8 } from 'node:buffer'
import type { Steps } from '../../shared/base/steps.js'
import type { BytesReader } from '../../shared/snapshot/bytes-reader.js'
import type { BytesWriter } from '../../shared/snapshot/bytes-writer.js'
import { FormatError } from './format-error.js'
import { checkSeries, type SeriesFacts } from './series-check.js'
import { PUSHED_TYPES, type PushedFamily } from './types.js'

const MAX_NAME = 64 * 1024
const MAX_HELP = 1024 * 1024
const MAX_SERIES_BYTES = 256 * 1024 * 1024
const MAX_SAMPLES = 10_000_000

/** Writes a family: name, type, help, number of samples, texts of the series, values. */
export function writeFamily(writer: BytesWriter, family: PushedFamily): void {
  const { name, type, help, series, values } = family
  writer.string(name)
  writer.long(PUSHED_TYPES.indexOf(type))
  writer.string(help)
  writer.long(values.length)
  writer.latin1(series)
  writer.fixed(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
}

/**
 * Reads a family. The texts of its series are not checked yet, see `checkFamily`.
 *
 * @throws FormatError or RefusedError of the reader
 */
export function readFamily(reader: BytesReader): PushedFamily {
  const name = reader.string(MAX_NAME, 'a metric name')
  const type = PUSHED_TYPES[reader.long()]
  if (type === undefined) throw new FormatError('a family has an unknown type')
  const help = reader.string(MAX_HELP, 'a help text')
  const count = reader.long()
  const length = reader.length(MAX_SERIES_BYTES, 'the series of a family')
  if (count < 0 || count > MAX_SAMPLES || count * 8 + length > reader.remaining)
    throw new FormatError('a family has more values than bytes')
  const { buffer, position } = reader
  reader.skip(length)
  const values = new Float64Array(count)
  const bytes = buffer.subarray(reader.position, reader.position + count * 8)
  new Uint8Array(values.buffer).set(bytes)
  reader.skip(count * 8)
  const series = buffer.toString('latin1', position, position + length)
  return { name, type, help, series, values }
}

/**
 * Checks what `readFamily` has read: the exposition must stay well-formed whatever the log has.
 *
 * @throws FormatError
 */
export function* checkFamily(family: PushedFamily): Steps<SeriesFacts> {
  if (!isUtf8(Buffer.from(family.series, 'latin1')))
    throw new FormatError('the text of a series is not UTF-8')
  yield
  return yield* checkSeries(family)
}
