import type { Label } from '../../shared/metrics/model.js'

/**
 * What a record of the log does. `reject` stores only the time of a failed push: its body was
 * refused before it was appended. `tick` does nothing but tell the time.
 */
export const METHODS = [
  'put',
  'post',
  'delete',
  'wipe',
  'ingest',
  'accumulate',
  'tick',
  'reject',
] as const
export type Method = (typeof METHODS)[number]

/** Types that a push can have, in the order of their numbers in a record. */
export const PUSHED_TYPES = ['unknown', 'counter', 'gauge', 'histogram', 'summary'] as const
export type PushedType = (typeof PUSHED_TYPES)[number]

/** A family of a push, with its final labels: those of the grouping key are merged already. */
export interface PushedFamily {
  /** Spelled as in text 0.0.4: with `_total`, if the push has it. */
  readonly name: string
  readonly type: PushedType
  readonly help: string
  /**
   * For each series the text before its value, with a line feed after it: `x_sum{a="1",b=""}`.
   * Labels are sorted by name. Names outside the legacy character set are quoted, as text 1.0.0
   * does it. Latin1 characters that are UTF-8 bytes.
   */
  readonly series: string
  /** One value for each series. */
  readonly values: Float64Array
}

/** A validated request, as it is appended to the log. */
export interface PushRequest {
  /** 16 bytes that identify the request: a record with an id that was applied is a repeat. */
  readonly id: Buffer
  readonly method: Method
  /** The grouping key, sorted by name. Empty for `wipe`, `ingest` and `tick`. */
  readonly labels: readonly Label[]
  /** Empty for `delete`, `wipe`, `tick` and `reject`. */
  readonly families: readonly PushedFamily[]
  /** Milliseconds of log time after which the push group or the series are removed. 0: never. */
  readonly expiryMs: number
  /** Whether the push is refused if it is inconsistent with what other push groups have. */
  readonly checked: boolean
}

/** What applying a request has done. */
export type Outcome =
  | { readonly kind: 'done' }
  /** The push is refused and only its failure time is stored. */
  | { readonly kind: 'inconsistent'; readonly message: string }
  /** Another request with the same id was applied before. Nothing is changed. */
  | { readonly kind: 'id_reused' }

export const DONE: Outcome = { kind: 'done' }
export const ID_REUSED: Outcome = { kind: 'id_reused' }
