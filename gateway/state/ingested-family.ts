import type { PushedType } from './types.js'

export interface IngestedValue {
  readonly value: number
  /** Log time, Unix ms; Infinity: never. */
  readonly expiresAt: number
}

/** Series of one name that were pushed one by one, each with an expiry of its own. */
export interface IngestedFamily {
  readonly name: string
  type: PushedType
  help: string
  readonly since: number
  /** By the text of the series, latin1 characters that are UTF-8 bytes. */
  readonly series: Map<string, IngestedValue>
}
