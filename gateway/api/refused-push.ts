import { Refusal } from '../../shared/http/refusal.js'

/** Why a request is refused, as a label value of a counter. */
export type RefusalReason =
  /** Path or labels of the grouping key. */
  | 'path'
  /** A header or a parameter. */
  | 'header'
  /** Content coding, or a body that cannot be decoded. */
  | 'encoding'
  /** The body is not valid in its format. */
  | 'format'
  /** Samples with timestamps. */
  | 'timestamp'
  /** In conflict with itself or with what other push groups have. */
  | 'inconsistent'
  /** The id of another request. */
  | 'id_reused'
  /** Size of the body. */
  | 'body_size'
  /** Samples, labels, names or values of the push. */
  | 'limit'
  /** Samples of all push groups. */
  | 'total_samples'
  | 'memory'
  /** Requests in progress, or the memory of their bodies. */
  | 'in_progress'
  /** Pushes per second of one client address. */
  | 'rate'
  /** The body took too long. */
  | 'timeout'
  /** The store is not available. */
  | 'unavailable'

/** A request that is refused for a reason that is counted. */
export class RefusedPush extends Refusal {
  constructor(
    status: number,
    readonly reason: RefusalReason,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(status, message, headers)
  }
}

/**
 * A push that Pushgateway refuses when it stores it: the time of the failure is stored with the
 * push group.
 */
export class InconsistentPush extends RefusedPush {
  constructor(reason: 'inconsistent' | 'timestamp', message: string) {
    super(400, reason, inconsistent(message))
  }
}

/** The message of Pushgateway for a push that it does not store. */
export const inconsistent = (message: string): string =>
  `pushed metrics are invalid or inconsistent with existing metrics: ${message}`

/** The reason of a refusal that was thrown elsewhere, by its status. */
export function reasonOf(error: Refusal): RefusalReason {
  if (error instanceof RefusedPush) return error.reason
  switch (error.status) {
    case 408:
      return 'timeout'
    case 413:
      return 'body_size'
    case 503:
      return 'in_progress'
    default:
      return 'encoding'
  }
}
