import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FlexibleReader, FlexibleWriter } from '../../../shared/kafka/wire/flexible.js'

test('the reader returns what the writer wrote', () => {
  const id = fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map(bytes => Buffer.from(bytes).toString('hex'))
    .filter(text => !/^0+$/.test(text))
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 400 }),
      fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 300 }),
      fc.maxSafeInteger(),
      fc.option(id, { nil: null }),
      (text, numbers, long, uuid) => {
        const writer = new FlexibleWriter()
        writer.string(text).int64(long).uuid(uuid).int16(-7)
        writer.array(numbers, value => writer.int32(value)).tags()
        const reader = new FlexibleReader(writer.written)
        expect(reader.string()).toBe(text)
        expect(reader.int64()).toBe(long)
        expect(reader.uuid()).toBe(uuid)
        expect(reader.int16()).toBe(-7)
        expect(reader.array(() => reader.int32())).toEqual(numbers)
        reader.tags()
        expect(() => reader.skip(1)).toThrow(RangeError)
      },
    ),
  )
})

test('a length of 0 is null, and bytes and arrays that are null are empty', () => {
  const reader = new FlexibleReader(Buffer.from([0, 0, 0]))
  expect(reader.string()).toBeNull()
  expect(reader.bytes()).toEqual(Buffer.alloc(0))
  expect(reader.array(() => 1)).toEqual([])
})

test('tagged fields of newer brokers are skipped', () => {
  const reader = new FlexibleReader(Buffer.from([2, 0, 3, 1, 2, 3, 0x81, 1, 1, 9, 42, 0, 0, 0]))
  reader.tags()
  expect(reader.int32()).toBe(42 * 2 ** 24)
})

test('a wrong length throws a RangeError and allocates nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
      const read: ((reader: FlexibleReader) => unknown)[] = [
        reader => reader.array(() => reader.int32()),
        reader => reader.string(),
        reader => reader.bytes(),
        reader => reader.tags(),
      ]
      for (const what of read) {
        try {
          what(new FlexibleReader(Buffer.from(bytes)))
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }
    }),
  )
  const huge = new FlexibleReader(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3, 4]))
  expect(() => huge.array(() => huge.int32())).toThrow(RangeError)
})
