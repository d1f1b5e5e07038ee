import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'
import { expect, test, vi } from 'vitest'
import { stopIdlePolling } from '../../../shared/kafka/wire/idle-poll.js'
import '../../../shared/kafka/wire/internals.js'

interface Queue {
  throttledUntil: number
  throttleCheckTimeoutId: unknown
  pending: unknown[]
  scheduleCheckPendingRequests(): void
  checkPendingRequests(): void
}

function queue(pending: unknown[], throttledUntil = -1): Queue {
  return Object.assign(Object.create(RequestQueue.prototype), {
    pending,
    throttledUntil,
    throttleCheckTimeoutId: null,
  })
}

test('an empty queue schedules nothing', () => {
  const idle = queue([])
  idle.scheduleCheckPendingRequests()
  expect(idle.throttleCheckTimeoutId).toBeNull()
})

test('a pending request is looked at once its throttling is over', () => {
  vi.useFakeTimers()
  try {
    const busy = queue([{}], Date.now() + 500)
    const checked = vi.fn()
    busy.checkPendingRequests = checked
    busy.scheduleCheckPendingRequests()
    busy.scheduleCheckPendingRequests()
    vi.advanceTimersByTime(499)
    expect(checked).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(checked).toHaveBeenCalledTimes(1)
  } finally {
    vi.useRealTimers()
  }
})

test('it is put in place once, and only where it fits', () => {
  const before = (RequestQueue.prototype as Queue).scheduleCheckPendingRequests
  expect(stopIdlePolling(RequestQueue.prototype)).toBe(true)
  expect((RequestQueue.prototype as Queue).scheduleCheckPendingRequests).toBe(before)

  const other = { scheduleCheckPendingRequests() {}, checkPendingRequests() {} }
  const original = other.scheduleCheckPendingRequests
  expect(stopIdlePolling(other)).toBe(false)
  expect(other.scheduleCheckPendingRequests).toBe(original)
  expect(stopIdlePolling({})).toBe(false)
})
