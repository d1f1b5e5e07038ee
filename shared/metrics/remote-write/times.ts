const TWO_28 = 2 ** 28

/** Bytes of a timestamp between 1971 and 2109, as a varint. */
export const TIME_BYTES = 6
/** The bits that tell whether a varint goes on, in its first four bytes and in the next two. */
const FOUR = 0x80808080 | 0
const TWO = 0x8080
const LAST = 0x80

/** Whether these are the bytes of a varint of six bytes, little endian. */
export const isTime = (low: number, high: number): boolean =>
  (low & FOUR) === FOUR && (high & TWO) === LAST

/** The number that such a varint is. @param low its first four bytes; @param high the others */
export const timeOf = (low: number, high: number): number =>
  ((high & 0x7f) | ((high >>> 8) << 7)) * TWO_28 +
  ((low & 0x7f) | ((low >>> 1) & 0x3f80) | ((low >>> 2) & 0x1fc000) | ((low >>> 3) & 0xfe00000))
