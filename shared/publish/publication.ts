/** The records of one collection of a target: a snapshot or a failure. */
export interface Publication {
  /** Memory held until it is sent or superseded. */
  readonly bytes: number
  /** Estimated size of its records. */
  readonly encodedBytes: number
  /**
   * Encodes the records lazily, in order. Called when they are sent, because they contain the
   * number of superseded publications.
   *
   * @param superseded number of superseded publications of the target so far; in a relayed run a
   *   number of the gateway
   */
  encode(superseded: number): Iterable<Buffer>
}

/** Writes records, for example to Kafka. */
export interface RecordSender {
  /** Calls for different lanes do not delay each other. Undefined if the lane is not known yet. */
  laneOf(key: Buffer): number | undefined
  /**
   * Makes one attempt to write the entries in order. After a failed entry, further entries of the
   * same key are not written. Its duration is bounded.
   *
   * @returns for each entry its error, or null if it was acknowledged
   */
  sendAll(
    entries: readonly { readonly key: Buffer; readonly values: readonly Buffer[] }[],
  ): Promise<readonly (SendError | null)[]>
}

/** Why an entry was not acknowledged. */
export interface SendError extends Error {
  /** Whether the brokers refuse this entry itself, and may accept others. */
  readonly refusal?: boolean
}
