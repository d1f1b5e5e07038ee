import type { LogRecord } from '../kafka/types.js'
import { RefusedError } from './errors.js'

/** The refusal of a record without a value. */
export function refusalOf({ unreadable }: LogRecord): RefusedError {
  switch (unreadable) {
    case undefined:
      return new RefusedError(
        'schema',
        'the record has no value; do not send tombstones, end a run with a snapshot whose end is true',
      )
    case 'timestamp':
      return new RefusedError(
        'timestamp',
        'its batch has the timestamps of its producer (CreateTime); set message.timestamp.type=LogAppendTime on the topic',
      )
    default:
      return new RefusedError(
        'codec',
        `its batch cannot be read (${unreadable}); publish without compression or with gzip`,
      )
  }
}
