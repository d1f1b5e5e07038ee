import type { BytesReader } from './bytes-reader.js'
import { BytesWriter } from './bytes-writer.js'
import { FAILURE_ENVELOPE } from './envelope.js'
import { RefusedError } from './errors.js'
import type { CollectionHeader } from './types.js'
import { writeCollection } from './write.js'

/** UTF-8 bytes of a failure's reason at most. */
export const FAILURE_BYTES = 1024

/** What would make more than one line of it, or move a terminal's cursor: controls, and Unicode's separators of lines. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u
const UNCLEAN = /[\s\p{Cc}]+/gu
const ELLIPSIS = '…'

/**
 * The value of a record that tells of a failed collection: the envelope and a Failure.
 *
 * @param failure why, in any text: it is made one line, and cut to 1,024 bytes
 * @throws RangeError for a number that the schema cannot hold: the caller's mistake
 */
export function encodeFailure(header: CollectionHeader, failure: string): Buffer {
  const out = new BytesWriter(512 + FAILURE_BYTES)
  out.fixed(FAILURE_ENVELOPE)
  writeCollection(out, header)
  out.string(failureLine(failure))
  return out.toBuffer()
}

/** The text as readers accept it: one line, not empty, well-formed, of at most 1,024 bytes. */
export function failureLine(text: string): string {
  // No character is less than a byte, and runs of white space become shorter only: what is behind this is cut anyway, unless
  // the text is blank for so long.
  const line = text
    .slice(0, 16 * FAILURE_BYTES)
    .replace(UNCLEAN, ' ')
    .trim()
    .toWellFormed()
  if (line === '') return 'no reason was given'
  if (Buffer.byteLength(line) <= FAILURE_BYTES) return line
  let bytes = FAILURE_BYTES - Buffer.byteLength(ELLIPSIS)
  let end = 0
  for (const character of line) {
    bytes -= Buffer.byteLength(character)
    if (bytes < 0) break
    end += character.length
  }
  return line.slice(0, end) + ELLIPSIS
}

/** @throws RefusedError (`limit`, `truncated`; `label` for text that is empty, more than one line, or not UTF-8) */
export function readFailure(input: BytesReader): string {
  const failure = input.string(FAILURE_BYTES, 'the failure')
  if (failure === '') throw new RefusedError('label', 'the failure is empty; say why the collection failed')
  if (CONTROL.test(failure)) {
    throw new RefusedError(
      'label',
      'the failure contains a line break or another control character; write one line',
    )
  }
  return failure
}
