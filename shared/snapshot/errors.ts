/**
 * Why a record was refused, as the `reason` label has it. What a producer does about each: docs/wire-format.md.
 *
 * - `codec`: its batch could not be decompressed; `timestamp`: its batch has the time of its producer; `schema`: not one of our schemas; `truncated`: the bytes end early, go on too
 *   long or contradict themselves; `limit`: more than is allowed of something
 * - `key`, `partition`: it lies where its target does not belong; `label`, `reserved`: a target that may not be
 * - `layout`: a layout that is none, or does not match its id; `duplicate_series`: one series twice
 * - `order`: sequence or collection time not above the last; `incarnation`: from an older run than the newest seen
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
] as const
export type RefusalReason = (typeof REFUSAL_REASONS)[number]

/** A record that is refused whole. The message is one sentence for the person who wrote the producer. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  constructor(
    readonly reason: RefusalReason,
    message: string,
  ) {
    super(message)
  }
}
