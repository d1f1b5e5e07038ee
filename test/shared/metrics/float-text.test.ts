import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalFloat, isFloatText } from '../../../shared/metrics/float-text.js'

test('all spellings of a number have one canonical text', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), fc.nat(17), (value, digits) => {
      const text = canonicalFloat(value.toExponential())
      expect(Number(text.replace('Inf', 'Infinity'))).toBe(value === 0 ? 0 : value)
      expect(canonicalFloat(text)).toBe(text)
      const written = value.toExponential(digits)
      if (Number(written) === value) expect(canonicalFloat(written)).toBe(text)
    }),
  )
})

test.each(['', ' 1', '1 ', '1e', 'e1', '.', '+', '1_000', '0x10', 'Infinit', 'one'])(
  '%j is no number',
  text => {
    expect(isFloatText(text)).toBe(false)
    expect(canonicalFloat(text)).toBe(text)
  },
)

test('a long text is matched in linear time', () => {
  // A pattern that backtracks over all splits of the digits would exceed the timeout of the test.
  expect(isFloatText(`${'1'.repeat(400_000)}x`)).toBe(false)
})
