import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseContentType } from '../../../shared/http/content-type.js'

const parsed = (header: string) => {
  const found = parseContentType(header)
  return found && [found.type, Object.fromEntries(found.parameters)]
}

describe('a Content-Type', () => {
  test.each([
    ['text/plain', ['text/plain', {}]],
    [
      ' Text/PLAIN ; Version=0.0.4;charset=UTF-8',
      ['text/plain', { version: '0.0.4', charset: 'UTF-8' }],
    ],
    [
      'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
      [
        'application/vnd.google.protobuf',
        { proto: 'io.prometheus.client.MetricFamily', encoding: 'delimited' },
      ],
    ],
    [
      'application/x-protobuf;proto=io.prometheus.write.v2.Request',
      ['application/x-protobuf', { proto: 'io.prometheus.write.v2.Request' }],
    ],
    ['text/plain;a="x;y, \\"z\\" \\\\"', ['text/plain', { a: 'x;y, "z" \\' }]],
    ['text/plain;a=""', ['text/plain', { a: '' }]],
    ['text/plain;', ['text/plain', {}]],
    ['text/plain; ; a=b ;', ['text/plain', { a: 'b' }]],
    ['', undefined],
    ['text', undefined],
    ['text/', undefined],
    ['/plain', undefined],
    ['text/plain/more', undefined],
    ['text/plain, text/html', undefined],
    ['text/plain a=b', undefined],
    ['text/plain; a', undefined],
    ['text/plain; a=', undefined],
    ['text/plain; =b', undefined],
    ['text/plain; a = b', undefined],
    ['text/plain; a="open', undefined],
    ['text/plain; a="ends in \\"', undefined],
    ['text/plain; a="b"c', undefined],
    ['text/plain; a=b; A=c', undefined],
    ['*/*; a=b', ['*/*', { a: 'b' }]],
  ])('%s', (header, expected) => {
    expect(parsed(header)).toEqual(expected)
  })

  test('longer than 1,024 characters, or with more than 16 parameters, is invalid', () => {
    const padded = (length: number) => `text/plain; a=${'x'.repeat(length - 14)}`
    expect(parseContentType(padded(1024))).toBeDefined()
    expect(parseContentType(padded(1025))).toBeUndefined()
    const many = (count: number) =>
      `a/b${Array.from({ length: count }, (_, i) => `;p${i}=v`).join('')}`
    expect(parseContentType(many(16))?.parameters.size).toBe(16)
    expect(parseContentType(many(17))).toBeUndefined()
  })

  test('yields any quoted value unchanged', () => {
    const value = fc.string({
      maxLength: 60,
      unit: fc.integer({ min: 32, max: 126 }).map(code => String.fromCharCode(code)),
    })
    const name = fc.stringMatching(/^[a-z][a-z0-9!#$%&'*+.^_`|~-]{0,10}$/)
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 10 }), parameters => {
        const quoted = Object.entries(parameters).map(
          ([name, value]) => `; ${name}="${value.replace(/["\\]/g, '\\$&')}"`,
        )
        expect(parsed(`a/b${quoted.join('')}`)).toEqual(['a/b', { ...parameters }])
      }),
    )
  })

  test('does not throw for any text', () => {
    const piece = fc.constantFrom('a', '/', ';', '=', '"', '\\', ' ', '\t', ',', 'é', '\u0000')
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 60 }).map(p => p.join('')),
        header => void parseContentType(header),
      ),
    )
  })
})
