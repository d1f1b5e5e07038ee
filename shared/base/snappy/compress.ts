/** Copies refer to bytes of the same block of the input. */
const BLOCK_BYTES = 65_536
const TABLE_BITS = 14
/** The last bytes of a block are literals, so that the search reads no further than the block. */
const MARGIN = 15
const LITERAL = 0
const COPY_2 = 2

/** Maximum size of the compressed output, bytes. */
export const maxCompressedBytes = (bytes: number): number => 32 + bytes + Math.ceil(bytes / 6)

/**
 * Compresses to the snappy block format, which remote write uses. One instance is used for many
 * inputs: its hash table is reused.
 *
 * @see https://github.com/google/snappy/blob/main/format_description.txt
 */
export class SnappyCompressor {
  /** Offset in the block, plus one, of the last occurrence of a hash of four bytes. */
  readonly #table = new Uint16Array(1 << TABLE_BITS)

  /**
   * @param output at least `maxCompressedBytes` of the input
   * @returns number of bytes written
   */
  compress(input: Uint8Array, length: number, output: Uint8Array): number {
    return this.elements(input, length, output, writeVarint(output, 0, length))
  }

  /**
   * Compresses a part of a body, without its length in front.
   *
   * @param output at least `maxCompressedBytes` of the input from `at` on
   * @returns offset after it
   */
  elements(input: Uint8Array, length: number, output: Uint8Array, at: number): number {
    let to = at
    for (let from = 0; from < length; from += BLOCK_BYTES)
      to = this.#block(input, from, Math.min(length, from + BLOCK_BYTES), output, to)
    return to
  }

  #block(input: Uint8Array, base: number, end: number, output: Uint8Array, start: number): number {
    const table = this.#table
    let to = start
    let literal = base
    if (end - base > MARGIN) {
      table.fill(0)
      const limit = end - MARGIN
      let at = base + 1
      // The longer nothing matches, the larger the steps: data that cannot be compressed is skipped.
      let skip = 32
      while (at < limit) {
        const hash =
          Math.imul(
            input[at] | (input[at + 1] << 8) | (input[at + 2] << 16) | (input[at + 3] << 24),
            0x1e35a7bd,
          ) >>>
          (32 - TABLE_BITS)
        const candidate = base + table[hash]
        table[hash] = at - base
        if (
          input[candidate] !== input[at] ||
          input[candidate + 1] !== input[at + 1] ||
          input[candidate + 2] !== input[at + 2] ||
          input[candidate + 3] !== input[at + 3] ||
          candidate >= at
        ) {
          at += skip++ >> 5
          continue
        }
        if (at > literal) to = writeLiteral(input, literal, at, output, to)
        let matched = at + 4
        for (let i = candidate + 4; matched < end && input[i] === input[matched]; i++) matched++
        to = writeCopy(output, to, at - candidate, matched - at)
        at = literal = matched
        skip = 32
        if (at < limit) {
          // One entry within the match, so that the next repetition is found sooner.
          const i = at - 1
          table[
            Math.imul(
              input[i] | (input[i + 1] << 8) | (input[i + 2] << 16) | (input[i + 3] << 24),
              0x1e35a7bd,
            ) >>>
              (32 - TABLE_BITS)
          ] = i - base
        }
      }
    }
    return literal < end ? writeLiteral(input, literal, end, output, to) : to
  }
}

function writeVarint(output: Uint8Array, at: number, value: number): number {
  let to = at
  let rest = value
  while (rest >= 0x80) {
    output[to++] = (rest & 0x7f) | 0x80
    rest = Math.floor(rest / 128)
  }
  output[to++] = rest
  return to
}

/** Literals up to this length are copied by a loop, because a call of `set` costs more. */
const SHORT = 32

/** @param end less than 65,536 bytes after `from` @returns offset after it */
export function writeLiteral(
  input: Uint8Array,
  from: number,
  end: number,
  output: Uint8Array,
  at: number,
): number {
  let to = at
  const length = end - from
  const code = length - 1
  if (code < 60) output[to++] = (code << 2) | LITERAL
  else if (code < 256) {
    output[to++] = (60 << 2) | LITERAL
    output[to++] = code
  } else {
    output[to++] = (61 << 2) | LITERAL
    output[to++] = code & 0xff
    output[to++] = code >> 8
  }
  if (length > SHORT) {
    output.set(input.subarray(from, end), to)
    return to + length
  }
  for (let i = from; i < end; ) output[to++] = input[i++]
  return to
}

/** @param offset less than 65,536 @param matched at least 4 @returns offset after it */
export function writeCopy(output: Uint8Array, at: number, offset: number, matched: number): number {
  let to = at
  let length = matched
  // Of 65 to 67 bytes, a copy of 60 leaves at least 4, which fit into the shorter form.
  while (length >= 68) {
    output[to++] = (63 << 2) | COPY_2
    output[to++] = offset & 0xff
    output[to++] = offset >> 8
    length -= 64
  }
  if (length > 64) {
    output[to++] = (59 << 2) | COPY_2
    output[to++] = offset & 0xff
    output[to++] = offset >> 8
    length -= 60
  }
  if (length < 12 && offset < 2048) {
    output[to++] = ((offset >> 8) << 5) | ((length - 4) << 2) | 1
    output[to++] = offset & 0xff
    return to
  }
  output[to++] = ((length - 1) << 2) | COPY_2
  output[to++] = offset & 0xff
  output[to++] = offset >> 8
  return to
}
