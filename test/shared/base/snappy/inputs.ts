import fc from 'fast-check'

/**
 * Bytes with repetitions near and far, as pages and remote write requests have them, up to some 100
 * KB.
 */
export const compressible: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 100 }).map(bytes => Buffer.from(bytes)),
      fc
        .record({ text: fc.string({ maxLength: 20 }), times: fc.nat(50) })
        .map(({ text, times }) => {
          return Buffer.from(text.repeat(times))
        }),
      fc.record({ byte: fc.nat(255), length: fc.nat(20_000) }).map(({ byte, length }) => {
        return Buffer.alloc(length, byte)
      }),
    ),
    { maxLength: 6 },
  )
  .map(pieces => Buffer.concat([...pieces, ...pieces]))

/**
 * Whether both are the same bytes, or both none: a comparison by `expect` takes seconds for long
 * ones.
 */
export function same(ours: Buffer | string, theirs: Uint8Array | null): boolean {
  return typeof ours === 'string' ? theirs === null : theirs !== null && ours.equals(theirs)
}
