/**
 * kafkajs 2.2.4 checks the queue of pending requests every millisecond, also while the connection
 * is idle: 1.7 to 2 % of a core. Without pending requests there is nothing to check, and adding a
 * request schedules the check.
 */
const CHECK_INTERVAL_MS = 10

interface RequestQueue {
  throttleCheckTimeoutId: NodeJS.Timeout | null
  throttledUntil: number
  readonly pending: readonly unknown[]
  checkPendingRequests(): void
  scheduleCheckPendingRequests(): void
}

/**
 * Replaces the method on this queue only: the host application shares the prototype. A queue with a
 * different implementation is left unchanged.
 *
 * @param background do not keep the process alive for the timer of a throttled request
 * @returns whether the method was replaced
 */
export function stopIdlePolling(queue: object, background = false): boolean {
  const own = queue as Partial<RequestQueue>
  const original = own.scheduleCheckPendingRequests
  if (typeof original !== 'function' || typeof own.checkPendingRequests !== 'function') return false
  const source = Function.prototype.toString.call(original)
  if (
    !['throttleCheckTimeoutId', 'throttledUntil', 'this.pending'].every(word =>
      source.includes(word),
    )
  )
    return false

  own.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.throttleCheckTimeoutId || this.pending.length === 0) return
    const throttled = this.throttledUntil - Date.now()
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null
        this.checkPendingRequests()
      },
      throttled > 0 ? throttled : CHECK_INTERVAL_MS,
    )
    if (background) this.throttleCheckTimeoutId.unref()
  }
  return true
}
