import type { LogRecord } from '../kafka/types.js'
import { RefusedError } from './errors.js'

/** Why a record without a value is refused. */
export function refusalOf({ unreadable }: LogRecord): RefusedError {
  switch (unreadable) {
    case undefined:
      return new RefusedError(
        'schema',
        'a record without a value; snapshots are never deleted by a tombstone',
      )
    case 'timestamp':
      return new RefusedError(
        'timestamp',
        'its batch has the time of its producer; set message.timestamp.type=LogAppendTime on the topic',
      )
    default:
      return new RefusedError(
        'codec',
        `its batch could not be read (${unreadable}); publish uncompressed or with gzip`,
      )
  }
}
