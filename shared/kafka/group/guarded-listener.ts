import type { Logger } from '../../base/logger.js'
import type { PartitionListener } from '../types.js'

/** Logs what a listener throws or rejects with: a bug in the program must not stop the consumer. */
export function guardListener(listener: PartitionListener, logger: Logger): PartitionListener {
  const logError = (error: unknown) => {
    const { stack, message } = error as Error
    logger.error(`a partition listener failed, which is a bug in this program: ${message}`, {
      stack,
    })
  }
  const guard = (call: () => void | Promise<void>): void | Promise<void> => {
    try {
      return call()?.catch(logError)
    } catch (error) {
      logError(error)
    }
  }
  return {
    onAssignment: assignment => void guard(() => listener.onAssignment(assignment)),
    onReplay: (...args) => void guard(() => listener.onReplay(...args)),
    onRebalancing: () => void guard(() => listener.onRebalancing()),
    onRevoking: partitions => guard(() => listener.onRevoking?.(partitions)),
    onRecords: (...args) => guard(() => listener.onRecords(...args)),
    onFetched: (...args) => void guard(() => listener.onFetched(...args)),
    onFetchError: (...args) => void guard(() => listener.onFetchError(...args)),
  }
}
