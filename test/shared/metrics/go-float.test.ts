import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { goFloat, openMetricsFloat } from '../../../shared/metrics/go-float.js'

describe('a number as Go prints it', () => {
  // Printed by Go 1.26.
  test.each([
    [0, '0', '0.0'],
    [-0, '0', '0.0'],
    [1, '1', '1.0'],
    [-1, '-1', '-1.0'],
    [0.005, '0.005', '0.005'],
    [0.0001, '0.0001', '0.0001'],
    [0.00001, '1e-05', '1e-05'],
    [1e-7, '1e-07', '1e-07'],
    [100_000, '100000', '100000.0'],
    [999_999.99, '999999.99', '999999.99'],
    [1e6, '1e+06', '1e+06'],
    [1_048_576, '1.048576e+06', '1.048576e+06'],
    [123_456_789, '1.23456789e+08', '1.23456789e+08'],
    [-123_456_789, '-1.23456789e+08', '-1.23456789e+08'],
    [1e21, '1e+21', '1e+21'],
    [5e-324, '5e-324', '5e-324'],
    [Number.MAX_VALUE, '1.7976931348623157e+308', '1.7976931348623157e+308'],
    [2 ** 53 + 1, '9.007199254740992e+15', '9.007199254740992e+15'],
    [Infinity, '+Inf', '+Inf'],
    [-Infinity, '-Inf', '-Inf'],
    [Number.NaN, 'NaN', 'NaN'],
  ])('%d', (value, text, openMetrics) => {
    expect(goFloat(value)).toBe(text)
    expect(openMetricsFloat(value)).toBe(openMetrics)
  })

  test('parses to the same number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), value => {
        expect(Number(goFloat(value))).toBe(value + 0)
        expect(Number(openMetricsFloat(value))).toBe(value + 0)
      }),
    )
  })
})
