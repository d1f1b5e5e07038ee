import { expect, test } from 'vitest'
import { runNow } from '../../../../shared/base/steps.js'
import { WriteReader } from '../../../../shared/metrics/remote-write/reader.js'
import type { WriteProtocol } from '../../../../shared/metrics/remote-write/request.js'
import { RecordWriter } from '../../../../shared/metrics/remote-write/writer.js'
import { described } from '../../../support/described-writes.js'
import {
  decodeV2,
  encodeV1,
  encodeV2,
  type MessageV1,
  type MessageV2,
} from '../../../support/remote-write-schema.js'

/** The records of a request as if it were of one target. */
function recordsOf(bytes: Buffer, protocol: WriteProtocol): Buffer[] {
  const request = new WriteReader().read(bytes, protocol)
  const writer = new RecordWriter()
  writer.begin(request)
  for (let s = 0; s < request.series; s++)
    runNow(
      writer.add(s, request.labelRefs, request.labelsFrom[s], request.labelsFrom[s + 1], Infinity),
    )
  for (const family of request.families) if (!family.isAttached) writer.addFamily(family)
  return writer.takeRecords()
}
const v1 = (message: MessageV1) => recordsOf(encodeV1(message), '1.0')
const v2 = (message: MessageV2) => recordsOf(encodeV2(message), '2.0')

test('a record has only the symbols of its series, each once', () => {
  const [record] = v2({
    symbols: ['', 'unused', 'a', 'b', 'help'],
    timeseries: [
      { labelsRefs: [2, 3], samples: [{ value: 1, timestamp: 2 }], metadata: { helpRef: 4 } },
      { labelsRefs: [2, 3], samples: [{ value: 1, timestamp: 3 }], metadata: { helpRef: 4 } },
    ],
  })
  expect(decodeV2(record).symbols).toEqual(['', 'a', 'b', 'help'])
})

test('a sample of protocol 1.0 has the same bytes in the record', () => {
  // A stale marker.
  const sample = Buffer.from('09020000000000f07f1092d0eab6b733', 'hex')
  const label = Buffer.from('0a060a0161120162', 'hex')
  const series = Buffer.concat([label, Buffer.from([0x12, sample.length]), sample])
  const [record] = recordsOf(Buffer.concat([Buffer.from([0x0a, series.length]), series]), '1.0')
  expect(record.includes(sample)).toBe(true)
})

test('metadata without series becomes series without samples', () => {
  const [record] = v1({
    metadata: [
      { type: 1, metricFamilyName: 'a', help: 'A', unit: 's' },
      { type: 2, metricFamilyName: 'b' },
      { metricFamilyName: '', help: 'of nothing' },
    ],
  })
  expect(described(new WriteReader().read(record, '2.0'))).toMatchObject([
    { labels: ['__name__', 'a'], samples: [], metadata: ['counter', 'A', 's'] },
    { labels: ['__name__', 'b'], samples: [], metadata: ['gauge', '', ''] },
  ])
})

test('a help that is not UTF-8 is left out, the series is not', () => {
  const bytes = encodeV2({
    symbols: ['', 'a', 'b', 'ÿ'],
    timeseries: [
      { labelsRefs: [1, 2], samples: [{ value: 1 }], metadata: { type: 1, helpRef: 3 } },
    ],
  })
  bytes.write('ff', bytes.indexOf('ÿ'), 'hex')
  const [record] = recordsOf(bytes, '2.0')
  expect(described(new WriteReader().read(record, '2.0'))).toMatchObject([
    { labels: ['a', 'b'], samples: [['000000000000f03f', 0]], metadata: ['counter', '', ''] },
  ])
})

test('records of many series are below a megabyte and in order', () => {
  const value = 'x'.repeat(4000)
  const symbols = ['', '__name__', ...Array.from({ length: 1000 }, (_, i) => `${i}${value}`)]
  const timeseries = Array.from({ length: 1000 }, (_, i) => ({
    labelsRefs: [1, i + 2],
    samples: [{ value: i, timestamp: i }],
  }))
  const records = v2({ symbols, timeseries })
  expect(records.length).toBeGreaterThan(4)
  for (const { length } of records) expect(length).toBeLessThan(1_000_000)
  expect(records.flatMap(record => described(new WriteReader().read(record, '2.0')))).toEqual(
    described(new WriteReader().read(encodeV2({ symbols, timeseries }), '2.0')),
  )
})

test('a series with more samples than a record holds is continued in the next one', () => {
  const samples = Array.from({ length: 100_000 }, (_, i) => ({
    value: i,
    timestamp: 1_767_225_600_000 + i,
  }))
  const records = v2({ symbols: ['', 'a', 'b'], timeseries: [{ labelsRefs: [1, 2], samples }] })
  expect(records.length).toBeGreaterThan(1)
  for (const { length } of records) expect(length).toBeLessThan(1_000_000)
  const read = records.flatMap(record => described(new WriteReader().read(record, '2.0')))
  for (const { labels } of read) expect(labels).toEqual(['a', 'b'])
  expect(read.flatMap(series => series.samples.map(([, time]) => time))).toEqual(
    samples.map(({ timestamp }) => timestamp),
  )
})
