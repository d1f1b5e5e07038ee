/** Something that a target publishes: a snapshot or a failed collection. */
export interface Publication {
  /** What it holds until it is sent or superseded. */
  readonly bytes: number
  /** About what its records will take. */
  readonly encodedBytes: number
  /**
   * Its records, in order, each made when it is asked for. Made when they are sent, because they say how many before them were
   * superseded.
   *
   * @param superseded publications of the target replaced unsent, so far
   */
  encode(superseded: number): Iterable<Buffer>
}

/** Writes records; Kafka's sender is one. */
export interface RecordSender {
  /** Records of different lanes, sent by calls of their own, do not wait for each other. Undefined while nobody knows. */
  laneOf(key: Buffer): number | undefined
  /**
   * One attempt to write, in order. The entries of one key after one that failed are not written.
   *
   * @returns the error of each entry, or null for what has arrived; bounded in time
   */
  sendAll(
    entries: readonly { readonly key: Buffer; readonly values: readonly Buffer[] }[],
  ): Promise<readonly (SendError | null)[]>
}

/** Why something was not sent. */
export interface SendError extends Error {
  /** What was to be written is refused; other records may be taken. */
  readonly refusal?: boolean
}
