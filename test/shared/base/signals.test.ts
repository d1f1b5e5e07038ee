import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { aborted, runUntilSignal, type SignalOptions } from '../../../shared/base/signals.js'

let source: EventEmitter
let warnings: string[]
let reported: unknown[]
beforeEach(() => {
  source = new EventEmitter()
  warnings = []
  reported = []
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
  // In every case all event listeners have been removed.
  expect(source.eventNames()).toEqual([])
})

const run = (
  work: (ending: AbortSignal) => Promise<number>,
  options: Partial<SignalOptions> = {},
) =>
  runUntilSignal(work, {
    source,
    warn: message => void warnings.push(message),
    report: error => void reported.push(error),
    ...options,
  })
const forever = () => new Promise<number>(() => {})

test('the exit code is that of work that ends by itself', async () => {
  expect(await run(async () => 7)).toBe(7)
})

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'])(
  '%s aborts the work, which returns the exit code',
  async signal => {
    const code = run(async ending => {
      await aborted(ending)
      return 3
    })
    source.emit(signal, signal)
    expect(await code).toBe(3)
    expect(warnings).toEqual([])
  },
)

test('SIGHUP does not end a program that reloads its configuration', async () => {
  const code = run(
    async ending => {
      await aborted(ending)
      return 3
    },
    { endsOnHangup: false },
  )
  // A signal without a listener ends the process.
  expect(source.listenerCount('SIGHUP')).toBe(1)
  source.emit('SIGHUP', 'SIGHUP')
  source.emit('SIGTERM', 'SIGTERM')
  expect(await code).toBe(3)
})

test('an error of work that is ending is not lost', async () => {
  const code = run(async ending => {
    await aborted(ending)
    throw new Error('the last step failed')
  })
  source.emit('SIGTERM', 'SIGTERM')
  await expect(code).rejects.toThrow('the last step failed')
})

test('after a second signal the process does not wait for the work', async () => {
  const code = run(forever)
  source.emit('SIGINT', 'SIGINT')
  vi.advanceTimersByTime(600)
  source.emit('SIGTERM', 'SIGTERM')
  expect(await code).toBe(143)
  expect(warnings).toEqual(['second SIGTERM; exiting without waiting for the shutdown'])
})

test('a second signal within half a second is the first one, forwarded by npm', async () => {
  let end: (code: number) => void = () => {}
  const code = run(() => new Promise(resolve => (end = resolve)))
  source.emit('SIGINT', 'SIGINT')
  vi.advanceTimersByTime(400)
  source.emit('SIGINT', 'SIGINT')
  end(0)
  expect(await code).toBe(0)
})

test('work that exceeds its grace period: exit code 1, and a message with the reason', async () => {
  const code = run(forever, { graceMs: 15_000 })
  source.emit('SIGTERM', 'SIGTERM')
  vi.advanceTimersByTime(15_000)
  expect(await code).toBe(1)
  expect(warnings).toEqual(['shutdown did not finish within 15 s after SIGTERM; exiting'])
})

test.each(['uncaughtException', 'unhandledRejection'])(
  '%s is reported and aborts the work; the exit code is 1',
  async event => {
    const code = run(async ending => {
      await aborted(ending)
      return 0
    })
    const error = new Error('a mistake')
    source.emit(event, error)
    expect(await code).toBe(1)
    expect(reported).toEqual([error])
  },
)

test('after a second uncaught error the process does not wait for the work', async () => {
  const code = run(forever)
  source.emit('uncaughtException', new Error('first'))
  source.emit('unhandledRejection', new Error('second'))
  expect(await code).toBe(1)
  expect(reported).toHaveLength(2)
})
