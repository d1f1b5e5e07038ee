import type { Logger } from '../../base/logger.js'
import type { PartitionListener } from '../types.js'

/** What a listener throws, now or later, is a mistake in the program: it is logged and goes no further. */
export function guarded(listener: PartitionListener, logger: Logger): PartitionListener {
  const blame = (error: unknown) => {
    const { stack, message } = error as Error
    logger.error(`a listener failed, which is a mistake in the program: ${message}`, { stack })
  }
  const guard = (call: () => void | Promise<void>): void | Promise<void> => {
    try {
      return call()?.catch(blame)
    } catch (error) {
      blame(error)
    }
  }
  return {
    onAssignment: assignment => void guard(() => listener.onAssignment(assignment)),
    onReplay: (...told) => void guard(() => listener.onReplay(...told)),
    onRebalancing: () => guard(() => listener.onRebalancing()),
    onRecords: (...told) => guard(() => listener.onRecords(...told)),
    onFetched: (...told) => void guard(() => listener.onFetched(...told)),
    onFetchError: (...told) => void guard(() => listener.onFetchError(...told)),
  }
}
