/**
 * Why a body was refused, as a label value of a counter. The reasons are those of the text reader,
 * where they apply.
 *
 * - `syntax`: not the wire format, or a field with another type than in the schema
 * - `end`: the body ends within a message
 * - `encoding`: a string that is not UTF-8
 * - `name`, `label`, `metadata`, `value`: that part of a metric family is missing or not valid
 * - `duplicate`: a label occurs twice, or a family has two types
 * - `limit`: a limit of the reader is exceeded
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

/** An invalid body. It is refused as a whole. */
export class ProtobufRefused extends Error {
  override readonly name = 'ProtobufRefused'

  /**
   * @param offset of the byte at which reading stopped, from 0
   * @param problem the reason and what to do, in one line
   */
  constructor(
    readonly offset: number,
    readonly reason: RefusalReason,
    problem: string,
  ) {
    super(`byte ${offset}: ${problem}`)
  }
}
