import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NumberReader, numberOfText, readInteger } from '../../../../shared/metrics/text/numbers.js'

const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 25 })
const decimal = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    fc.oneof(
      digits,
      fc.tuple(digits, digits).map(([a, b]) => `${a}.${b}`),
      digits.map(a => `${a}.`),
      digits.map(a => `.${a}`),
    ),
    fc.oneof(
      fc.constant(''),
      fc
        .tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '-', '+'), fc.nat(330))
        .map(([e, sign, exponent]) => `${e}${sign}${exponent}`),
    ),
  )
  .map(parts => parts.join(''))

describe('a number', () => {
  test('is the double that JavaScript, too, takes for the nearest', () => {
    fc.assert(
      fc.property(decimal, text => {
        const expected = Number(text)
        expect(numberOfText(text)).toBe(Number.isFinite(expected) ? expected : undefined)
      }),
      { numRuns: 2000 },
    )
  })

  test('of any double comes back from its shortest text', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), value => {
        expect(numberOfText(Object.is(value, -0) ? '-0' : String(value))).toBe(value)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['inf', Infinity],
    ['+Inf', Infinity],
    ['-INFINITY', -Infinity],
    ['NaN', Number.NaN],
    ['nan', Number.NaN],
    ['9007199254740993', 9007199254740992],
    ['4.20072246e+06', 4200722.46],
    ['1e23', 1e23],
    ['0e999', 0],
    ['1e-400', 0],
    [`${'1'.repeat(300)}`, 1.1111111111111112e299],
  ])('may be %s', (text, value) => {
    expect(numberOfText(text)).toBe(value)
  })

  test.each([
    '',
    '-',
    '.',
    'e5',
    '1e',
    '1e+',
    '1_0',
    '0x1',
    '0x1p4',
    '+NaN',
    '-nan',
    'infin',
    'nane',
    '1.2.3',
    '1e1.5',
    '٣',
    ' 1',
    '1 ',
    '1e309',
    '-1e309',
    '1'.repeat(2000),
  ])(
    // biome-ignore format: one line
    'is not %j',
    text => {
      expect(numberOfText(text)).toBeUndefined()
    },
  )
})

describe('an integer', () => {
  const read = (text: string, signed: boolean) => {
    const reader = new NumberReader()
    const value = readInteger(reader, Buffer.from(`${text}\n`), 0, signed)
    return reader.end === text.length ? value : undefined
  }

  test('has 64 bits, with a sign where one is allowed', () => {
    expect(read('9223372036854775807', false)).toBe(2 ** 63)
    expect(read('9223372036854775808', false)).toBeUndefined()
    expect(read('-9223372036854775808', true)).toBe(-(2 ** 63))
    expect(read('-9223372036854775809', true)).toBeUndefined()
    expect(read('+5', true)).toBe(5)
    expect(read('-5', false)).toBeUndefined()
    expect(read('', true)).toBeUndefined()
    expect(read('-', true)).toBeUndefined()
    expect(read('1.5', true)).toBeUndefined()
    expect(read('000000000000000000000001', true)).toBe(1)
  })
})
