/**
 * kafkajs 2.2.4 checks an idle connection's queue of pending requests every millisecond, which costs 1.7 to 2 % of a core
 * for as long as the process lives. Nothing pending means nothing to check: whoever adds a request schedules the check.
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
 * Replaces the method on this one queue: the library's prototype belongs to the host application too. Only a queue that looks
 * like the one it was written for is changed.
 *
 * @param background the timer of a throttled request does not keep the process alive
 * @returns whether it is in place
 */
export function stopIdlePolling(queue: object, background = false): boolean {
  const own = queue as Partial<RequestQueue>
  const original = own.scheduleCheckPendingRequests
  if (typeof original !== 'function' || typeof own.checkPendingRequests !== 'function') return false
  const source = Function.prototype.toString.call(original)
  if (!['throttleCheckTimeoutId', 'throttledUntil', 'this.pending'].every(word => source.includes(word)))
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
