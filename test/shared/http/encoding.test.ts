import { expect, test } from 'vitest'
import { prefersGzip } from '../../../shared/http/encoding.js'

test.each([
  ['gzip', true],
  ['gzip, deflate, br', true],
  ['GZIP;q=0.5', true],
  ['x-gzip', true],
  ['*', true],
  ['identity;q=0.2, gzip;q=0.8', true],
  ['', false],
  ['identity', false],
  ['deflate, br', false],
  ['gzip;q=0', false],
  ['gzip;q=0, *', false],
  ['gzip;q=0.5, identity', false],
  ['gzip;q=nonsense', false],
])('"%s" is answered compressed: %s', (header, expected) => {
  expect(prefersGzip(header)).toBe(expected)
})

test('a header of many kilobytes is not parsed, and holds nothing up', () => {
  expect(prefersGzip(`gzip,${'a;q=0.5,'.repeat(2000)}`)).toBe(false)
})
