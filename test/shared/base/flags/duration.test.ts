import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from '../../../../shared/base/flags/duration.js'
import { parseSize } from '../../../../shared/base/flags/size.js'

test.each([
  ['15s', 15_000],
  ['2m', 120_000],
  ['1h30m', 5_400_000],
  ['500ms', 500],
  ['1m500ms', 60_500],
  ['1d', 86_400_000],
  ['2w', 1_209_600_000],
  ['0', 0],
  ['0s', 0],
])('%s is %d milliseconds, as in Prometheus', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each(['', '15', '1.5s', '30m1h', '1s1s', ' 1s', '-1s', '1 s', 'PT1S', '99999999999999999y'])(
  '%j is refused, as in Prometheus',
  text => {
    expect(parseDuration(text)).toBeUndefined()
  },
)

test('every formatted duration parses to the same value', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e12 }), ms => {
      expect(parseDuration(formatDuration(ms))).toBe(ms)
    }),
  )
})

test.each([
  ['512', 512],
  ['512B', 512],
  ['512KB', 524_288],
  ['512KiB', 524_288],
  ['8MiB', 8_388_608],
  ['1GB', 1_073_741_824],
])('%s is %d bytes: units are powers of 1024, as in Prometheus', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes)
})

test.each(['', '1.5MiB', 'MiB', '-1', '1 KiB', '1PB'])('%j is refused as a size', text => {
  expect(parseSize(text)).toBeUndefined()
})
