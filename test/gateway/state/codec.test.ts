import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkFamily } from '../../../gateway/state/family-codec.js'
import { FormatError } from '../../../gateway/state/format-error.js'
import {
  encodeRequest,
  NewerVersion,
  readRequest,
  recordBytes,
  recordId,
} from '../../../gateway/state/request-codec.js'
import { parseSeries, seriesText } from '../../../gateway/state/series-text.js'
import { METHODS } from '../../../gateway/state/types.js'
import { runNow } from '../../../shared/base/steps.js'
import { latin1 } from '../../../shared/exposition/layout-text.js'
import { compareUtf8 } from '../../../shared/metrics/labels.js'
import { requestOf, sealed } from './text.js'

const name = fc.oneof(
  fc.constantFrom('job', 'le', 'x', 'a_total'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }).filter(text => text.isWellFormed()),
)
const value = fc.string({ unit: 'grapheme', maxLength: 8 })
const labels = fc
  .uniqueArray(fc.record({ name, value }), { selector: label => label.name, maxLength: 5 })
  .map(list => list.sort((a, b) => compareUtf8(a.name, b.name)))

const request = fc.record({
  id: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => Buffer.from(bytes)),
  method: fc.constantFrom(...METHODS),
  labels,
  families: fc.array(
    fc
      .record({
        name,
        type: fc.constantFrom('unknown' as const, 'counter' as const, 'gauge' as const),
        help: value,
        samples: fc.array(fc.record({ labels, value: fc.double() }), { maxLength: 4 }),
      })
      .map(({ samples, ...family }) => ({
        ...family,
        series: latin1(samples.map(s => `${seriesText(family.name, s.labels)}\n`).join('')),
        values: Float64Array.from(samples, sample => sample.value),
      })),
    { maxLength: 4 },
  ),
  expiryMs: fc.nat(),
  checked: fc.boolean(),
})

test('a record is read as it was written, and its series are valid', () => {
  fc.assert(
    fc.property(request, written => {
      const record = encodeRequest(written)
      const { content: _, ...read } = readRequest(record)
      expect(read).toEqual(written)
      for (const family of read.families) runNow(checkFamily(family))
      expect(recordBytes(written)).toBeGreaterThanOrEqual(record.length)
      expect(recordId(record)).toEqual(written.id)
    }),
  )
})

test('a damaged record is refused, and not taken for a later version', () => {
  fc.assert(
    fc.property(request, fc.nat(), fc.nat(255), fc.nat(50), (written, at, byte, cut) => {
      const record = encodeRequest(written)
      const damaged = Buffer.from(record.subarray(0, record.length - (cut % record.length)))
      damaged[at % damaged.length] = byte
      if (damaged.equals(record)) return
      expect(() => readRequest(damaged)).toThrow(FormatError)
    }),
    { numRuns: 2000 },
  )
})

test('a record of a later version says so', () => {
  const record = encodeRequest(requestOf({ body: 'x 1\n' }))
  record[3] = 2
  expect(() => readRequest(sealed(record))).toThrow(NewerVersion)
})

test('the content of a request is the same whatever its id, expiry and check', () => {
  const one = { body: 'x 1\n', expiryMs: 5, checked: true, id: Buffer.alloc(16, 1) }
  const other = { body: 'x 1\n', expiryMs: 9, checked: false, id: Buffer.alloc(16, 2) }
  const contentOf = (push: typeof one) => readRequest(encodeRequest(requestOf(push))).content
  expect(contentOf(one)).toBe(contentOf(other))
  expect(contentOf(one)).not.toBe(contentOf({ ...one, body: 'x 2\n' }))
})

test('the text of a series is read as it was written', () => {
  fc.assert(
    fc.property(name, labels, (metric, written) => {
      const text = latin1(seriesText(metric, written))
      expect(parseSeries(text)).toEqual({ name: metric, labels: written })
    }),
  )
})

test.each([
  ['a label that occurs twice', 'x{a="1",a="2"}'],
  ['a label that occurs twice, once quoted', 'x{a="1","a"="2"}'],
  ['a label without a name', 'x{""="1"}'],
  ['the label __name__', 'x{__name__="y"}'],
  ['another name', 'y{a="1"}'],
  ['a line feed in a value', 'x{a="\n"}'],
  ['no end', 'x{a="1"'],
  ['a value after the labels', 'x{a="1"} 5'],
])('a series with %s is refused: it would break a whole scrape', (_, text) => {
  const family = {
    name: 'x',
    type: 'gauge' as const,
    help: '',
    series: `${text}\n`,
    values: Float64Array.of(1),
  }
  expect(() => runNow(checkFamily(family))).toThrow(FormatError)
})

test('a grouping key with a label twice is refused', () => {
  const labels = [
    { name: 'job', value: 'a' },
    { name: 'job', value: 'b' },
  ]
  const record = encodeRequest({ ...requestOf({ body: 'x 1\n' }), labels })
  expect(() => readRequest(record)).toThrow(FormatError)
})
