import type { BytesReader } from './bytes-reader.js'
import { BytesWriter } from './bytes-writer.js'
import { FAILURE_ENVELOPE } from './envelope.js'
import { RefusedError } from './errors.js'
import type { CollectionHeader } from './types.js'
import { writeCollection } from './write.js'

/** Maximum length of the reason of a failure, UTF-8 bytes. */
export const FAILURE_BYTES = 1024

/** Characters that break lines or control terminals. */
const CONTROL = /[\p{Cc}\u2028\u2029]/u
const UNCLEAN = /[\s\p{Cc}]+/gu
const ELLIPSIS = '…'

/**
 * The value of the record of a failed collection: the envelope and a Failure.
 *
 * @param failure the reason, any text: it is converted to one line of at most 1,024 bytes
 * @throws RangeError for a number that the schema cannot hold, which is a bug in the caller
 */
export function encodeFailure(header: CollectionHeader, failure: string): Buffer {
  const out = new BytesWriter(512 + FAILURE_BYTES)
  out.fixed(FAILURE_ENVELOPE)
  writeCollection(out, header)
  out.string(failureLine(failure))
  return out.toBuffer()
}

/**
 * Converts a text to one that readers accept: one line, not empty, well-formed, at most 1,024
 * bytes.
 */
export function failureLine(text: string): string {
  // Every character has at least one byte and white space only gets shorter, so the rest would be
  // cut in any case, except after very long white space.
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

/**
 * @throws RefusedError (`limit`, `truncated`; `label` for text that is empty, more than one line,
 * or not UTF-8)
 */
export function readFailure(input: BytesReader): string {
  const failure = input.string(FAILURE_BYTES, 'the failure')
  if (failure === '')
    throw new RefusedError('label', 'the failure is empty; write why the collection failed')
  if (CONTROL.test(failure)) {
    throw new RefusedError(
      'label',
      'the failure contains a line break or another control character; write one line of text',
    )
  }
  return failure
}
