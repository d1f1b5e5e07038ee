import type { Logger } from '../../base/logger.js'
import type { PartitionListener } from '../types.js'

/** What a listener throws, now or later, is a mistake in the program: it is logged and goes no further. */
export function guardListener(listener: PartitionListener, logger: Logger): PartitionListener {
  const logError = (error: unknown) => {
    const { stack, message } = error as Error
    logger.error(`a listener failed, which is a mistake in the program: ${message}`, { stack })
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
    onRebalancing: () => guard(() => listener.onRebalancing()),
    onRecords: (...args) => guard(() => listener.onRecords(...args)),
    onFetched: (...args) => void guard(() => listener.onFetched(...args)),
    onFetchError: (...args) => void guard(() => listener.onFetchError(...args)),
  }
}
