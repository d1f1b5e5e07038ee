/**
 * Why a page was refused, as a label value of a counter.
 *
 * - `syntax`: a line that is neither a sample nor a comment of the format
 * - `encoding`: bytes that are not UTF-8
 * - `name`, `label`, `value`, `timestamp`, `exemplar`, `metadata`: that part of a line is not valid
 * - `duplicate`: a label, a metadata line or a series that may occur only once
 * - `order`: valid lines at a place where the format does not allow them
 * - `limit`: more than the limits of the reader allow
 * - `end`: the page ends too early
 */
export type RefusalReason =
  | 'syntax'
  | 'encoding'
  | 'name'
  | 'label'
  | 'value'
  | 'timestamp'
  | 'exemplar'
  | 'metadata'
  | 'duplicate'
  | 'order'
  | 'limit'
  | 'end'

/** A page that the dialect does not accept. Nothing of it is used. */
export class ExpositionRefused extends Error {
  override readonly name = 'ExpositionRefused'

  /**
   * @param line from 1
   * @param problem what is wrong and what to do about it, in one line
   */
  constructor(
    readonly line: number,
    readonly reason: RefusalReason,
    problem: string,
  ) {
    super(`line ${line}: ${problem}`)
  }
}
