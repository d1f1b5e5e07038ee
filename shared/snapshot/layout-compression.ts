import { deflateSteps, inflateSteps } from '../base/dictionary-steps.js'
import { gunzipSteps, gzipSteps } from '../base/gzip-steps.js'
import type { Steps } from '../base/steps.js'
import { DICTIONARIES, type Dictionary, PUBLISHED_DICTIONARY } from './dictionary/dictionaries.js'
import { RefusedError } from './errors.js'

/** How the layout of a record is compressed: zlib with a preset dictionary, or gzip. */
export type LayoutCompression = 'dictionary' | 'gzip'

export function compressLayoutSteps(
  bytes: Uint8Array,
  compression: LayoutCompression,
): Steps<Buffer> {
  return compression === 'gzip' ? gzipSteps(bytes) : deflateSteps(bytes, PUBLISHED_DICTIONARY.bytes)
}

/**
 * Decompresses the layout of a record, whichever form it has.
 *
 * @throws RefusedError (`limit`, `layout`)
 */
export function* decompressLayoutSteps(compressed: Uint8Array, maxBytes: number): Steps<Buffer> {
  const dictionary = isGzip(compressed) ? null : dictionaryFor(compressed)
  try {
    return yield* dictionary
      ? inflateSteps(compressed, dictionary.bytes, maxBytes)
      : gunzipSteps(compressed, maxBytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new RefusedError(
        'limit',
        `the layout inflates to more than ${maxBytes} bytes; expose fewer series`,
      )
    const form = dictionary ? 'a zlib stream' : 'gzip'
    throw new RefusedError(
      'layout',
      `the layout is not ${form} (${(error as Error).message}); compress it again, and write all its bytes`,
    )
  }
}

const GZIP = 0x1f
/** zlib: two bytes of header, four of DICTID. */
const HEADER_BYTES = 6
const DEFLATE = 8
const FDICT = 0x20

/** The id of a dictionary as docs/wire-format.md has it. */
const idText = (id: number): string => `0x${id.toString(16).padStart(8, '0')}`
const KNOWN = [...DICTIONARIES.keys()].map(idText).join(', ')

const isGzip = (compressed: Uint8Array): boolean => compressed[0] === GZIP

/** Reads the header of a zlib stream (RFC 1950): nothing is inflated without its dictionary. */
function dictionaryFor(compressed: Uint8Array): Dictionary {
  const [method, flags] = compressed
  const isZlib = (method & 0x0f) === DEFLATE && (method * 0x100 + flags) % 31 === 0
  if (!isZlib)
    throw new RefusedError(
      'layout',
      'the layout is neither gzip nor a zlib stream with a dictionary; compress it with gzip',
    )
  if ((flags & FDICT) === 0)
    throw new RefusedError(
      'layout',
      'the layout is a zlib stream without a dictionary; compress it with gzip, or with a dictionary of docs/wire-format.md',
    )
  if (compressed.length < HEADER_BYTES)
    throw new RefusedError('layout', 'the layout ends within its header; write all its bytes')
  const id = new DataView(compressed.buffer, compressed.byteOffset).getUint32(2)
  const dictionary = DICTIONARIES.get(id)
  if (dictionary) return dictionary
  throw new RefusedError(
    'layout',
    `the layout needs the dictionary ${idText(id)}, and this version has ${KNOWN} only; upgrade exposers before publishers, or set layoutCompression to 'gzip' there`,
  )
}
