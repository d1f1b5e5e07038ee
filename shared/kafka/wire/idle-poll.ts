/**
 * kafkajs 2.2.4 checks an idle connection's queue of pending requests every millisecond, which costs 1.7 to 2 % of a core
 * for as long as the process lives. Nothing pending means nothing to check: whoever adds a request schedules the check.
 */
const APPLIED = Symbol.for('kafka-exposer.no-idle-polling')
const CHECK_INTERVAL_MS = 10

interface RequestQueue {
  throttleCheckTimeoutId: NodeJS.Timeout | null
  throttledUntil: number
  readonly pending: readonly unknown[]
  checkPendingRequests(): void
  scheduleCheckPendingRequests(): void
  [APPLIED]?: boolean
}

/**
 * Replaces the method on the library's prototype, for every connection of the process: an app that publishes pays for its
 * own connections too. Applied once, and only to a queue that looks like the one it was written for.
 *
 * @returns whether it is in place.
 */
export function stopIdlePolling(prototype: object): boolean {
  const queue = prototype as Partial<RequestQueue>
  if (queue[APPLIED]) return true
  const original = queue.scheduleCheckPendingRequests
  if (typeof original !== 'function' || typeof queue.checkPendingRequests !== 'function') return false
  const source = Function.prototype.toString.call(original)
  if (!['throttleCheckTimeoutId', 'throttledUntil', 'this.pending'].every(word => source.includes(word)))
    return false

  queue.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.throttleCheckTimeoutId || this.pending.length === 0) return
    const throttled = this.throttledUntil - Date.now()
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null
        this.checkPendingRequests()
      },
      throttled > 0 ? throttled : CHECK_INTERVAL_MS,
    )
  }
  Object.defineProperty(queue, APPLIED, { value: true })
  return true
}
