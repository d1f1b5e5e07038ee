/**
 * Why a body was refused, as a label value of a counter. The reasons are those of the text reader,
 * where they apply.
 *
 * - `syntax`: bytes that are not of the wire format, or fields of another type than the schema's
 * - `end`: the body ends within a message
 * - `encoding`: a string that is not UTF-8
 * - `name`, `label`, `metadata`, `value`: that part of a metric family is missing or not valid
 * - `duplicate`: a label, or the type of a family, that may be there only once
 * - `limit`: more than the limits of the reader allow
 */
export type RefusalReason =
  | 'syntax'
  | 'end'
  | 'encoding'
  | 'name'
  | 'label'
  | 'metadata'
  | 'value'
  | 'duplicate'
  | 'limit'

/** A body that cannot be read. Nothing of it is used. */
export class ProtobufRefused extends Error {
  override readonly name = 'ProtobufRefused'

  /**
   * @param offset of the byte at which reading stopped, from 0
   * @param problem what is wrong and what to do about it, in one line
   */
  constructor(
    readonly offset: number,
    readonly reason: RefusalReason,
    problem: string,
  ) {
    super(`byte ${offset}: ${problem}`)
  }
}
