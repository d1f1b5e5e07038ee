/**
 * Reasons for refusing a record: the values of the label `reason`. What a producer does about each
 * is in docs/wire-format.md.
 *
 * - `codec`: its batch cannot be decompressed
 * - `timestamp`: its batch has the timestamps of its producer
 * - `schema`: it has none of our schemas
 * - `truncated`: its bytes end early, continue after the end or contradict the schema
 * - `limit`: a limit is exceeded
 * - `key`, `partition`: it was written with a key or to a partition that is not that of its target
 * - `label`, `reserved`: a target or series has invalid or reserved labels
 * - `layout`: the layout is invalid or does not match its id
 * - `duplicate_series`: a series appears twice
 * - `order`: sequence or collection time is not above the last one
 * - `incarnation`: it is of an older run than the newest known one
 * - `clock`: it is of a relayed run and was collected after it was appended
 */
export const REFUSAL_REASONS = [
  'codec',
  'timestamp',
  'schema',
  'truncated',
  'limit',
  'key',
  'partition',
  'label',
  'reserved',
  'layout',
  'duplicate_series',
  'order',
  'incarnation',
  'clock',
] as const
export type RefusalReason = (typeof REFUSAL_REASONS)[number]

/**
 * A record that is refused as a whole. The message is one sentence for the author of the producer:
 * what is wrong, and what to do.
 */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  constructor(
    readonly reason: RefusalReason,
    message: string,
  ) {
    super(message)
  }
}
