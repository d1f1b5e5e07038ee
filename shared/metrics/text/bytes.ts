/** The bytes that mean something in an exposition. */
export const TAB = 9
export const LINE_FEED = 10
export const SPACE = 32
export const QUOTE = 34
export const HASH = 35
export const PLUS = 43
export const COMMA = 44
export const MINUS = 45
export const DOT = 46
export const ZERO = 48
export const EQUALS = 61
export const BACKSLASH = 92
export const BRACE_OPEN = 123
export const BRACE_CLOSE = 125

const tableOf = (characters: RegExp): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) =>
    characters.test(String.fromCharCode(byte)) ? 1 : 0,
  )

/**
 * By byte: 1 if the byte may begin or continue an unquoted name. Metric names may contain colons.
 */
export const METRIC_START = tableOf(/[a-zA-Z_:]/)
export const METRIC = tableOf(/[a-zA-Z0-9_:]/)
export const LABEL_START = tableOf(/[a-zA-Z_]/)
export const LABEL = tableOf(/[a-zA-Z0-9_]/)

export const isDigit = (byte: number): boolean => byte >= ZERO && byte <= 57
export const isBlank = (byte: number): boolean => byte === SPACE || byte === TAB
