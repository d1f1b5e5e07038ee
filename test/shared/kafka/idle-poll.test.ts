import RequestQueue from 'kafkajs/src/network/requestQueue/index.js'
import { expect, inject, test, vi } from 'vitest'
import { stopIdlePolling } from '../../../shared/kafka/wire/idle-poll.js'
import {
  createConnection,
  exchange,
  type RawConnection,
} from '../../../shared/kafka/wire/internals.js'
import { silent } from '../../support/kafka.js'

interface Queue {
  throttledUntil: number
  throttleCheckTimeoutId: NodeJS.Timeout | null
  pending: unknown[]
  scheduleCheckPendingRequests(): void
  checkPendingRequests(): void
}

function queue(pending: unknown[], throttledUntil = -1): Queue {
  const own = Object.assign(Object.create(RequestQueue.prototype), {
    pending,
    throttledUntil,
    throttleCheckTimeoutId: null,
  })
  expect(stopIdlePolling(own)).toBe(true)
  return own
}

test('an empty queue schedules nothing', () => {
  const idle = queue([])
  idle.scheduleCheckPendingRequests()
  expect(idle.throttleCheckTimeoutId).toBeNull()
})

test('a pending request is checked once, when its throttling ends', () => {
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

test('the timer of a throttled request of a background connection does not keep the process alive', () => {
  const busy = Object.assign(Object.create(RequestQueue.prototype), {
    pending: [{}],
    throttledUntil: Date.now() + 60_000,
    throttleCheckTimeoutId: null,
  }) as Queue
  stopIdlePolling(busy, true)
  busy.scheduleCheckPendingRequests()
  expect(busy.throttleCheckTimeoutId!.hasRef()).toBe(false)
  clearTimeout(busy.throttleCheckTimeoutId!)
})

test('only the given queue is changed, and only if its implementation is the known one', () => {
  const before = Object.getOwnPropertyDescriptors(RequestQueue.prototype)
  queue([])
  expect(Object.getOwnPropertyDescriptors(RequestQueue.prototype)).toEqual(before)

  const other = { scheduleCheckPendingRequests() {}, checkPendingRequests() {} }
  const original = other.scheduleCheckPendingRequests
  expect(stopIdlePolling(other)).toBe(false)
  expect(other.scheduleCheckPendingRequests).toBe(original)
  expect(stopIdlePolling({})).toBe(false)
})

test('an idle connection has no timer, while one of plain kafkajs polls', async () => {
  const [host, port] = inject('brokers')[0].split(':')
  const options = {
    host,
    port: Number(port),
    clientId: 'test',
    ssl: null,
    sasl: null,
    timeout: 5000,
  }
  const ours = createConnection({ ...options, logger: silent })
  const Library = ours.constructor as new (options: object) => RawConnection
  const plain = new Library({
    ...ours,
    requestQueue: undefined,
    logger: (ours as never as { logger: object }).logger,
  })
  const timerOf = ({ requestQueue }: RawConnection) =>
    (requestQueue as never as Queue).throttleCheckTimeoutId
  for (const connection of [ours, plain]) {
    await connection.connect()
    await connection.send(exchange('ApiVersions', 2, {}))
  }
  expect(timerOf(ours)).toBeNull()
  expect(timerOf(plain)).not.toBeNull()
  for (const connection of [ours, plain]) {
    connection.requestQueue.destroy()
    connection.socket?.destroy()
  }
})
