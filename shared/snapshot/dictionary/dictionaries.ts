import { LAYOUT_1 } from './layout-1.js'

/** A preset dictionary of layouts (RFC 1950). Stored records refer to it, so it never changes. */
export interface Dictionary {
  /** DICTID: the Adler-32 of the bytes. */
  readonly id: number
  readonly bytes: Buffer
}

const LAYOUT_DICTIONARY_1: Dictionary = {
  id: 0x39f14585,
  bytes: Buffer.from(LAYOUT_1, 'base64'),
}

/** The dictionary that publishers use. Exposers that read their records must have it. */
export const PUBLISHED_DICTIONARY: Dictionary = LAYOUT_DICTIONARY_1

/** All dictionaries that a record may refer to, by id. */
export const DICTIONARIES: ReadonlyMap<number, Dictionary> = new Map(
  [LAYOUT_DICTIONARY_1].map(dictionary => [dictionary.id, dictionary]),
)
