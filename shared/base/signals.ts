import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** npm forwards a Ctrl-C that the terminal has already sent to the whole process group. */
const SAME_SIGNAL_MS = 500
const FAILURE = 1

type Signal = (typeof SIGNALS)[number]

export interface SignalOptions {
  /** How long the work may take to end after a signal, ms. Undefined: no limit. */
  readonly graceMs?: number
  /** Whether SIGHUP ends the work. Else nothing, also before the work handles it. Default: true. */
  readonly endsOnHangup?: boolean
  /** Called with one line when the process ends before the work. */
  readonly warn: (message: string) => void
  /** Called with uncaught errors. */
  readonly report: (error: unknown) => void
  /** Source of signals and uncaught errors. Default: the process. */
  readonly source?: NodeJS.EventEmitter
}

const ignore = () => {}

/**
 * Runs the work of a process and aborts `ending` at the first SIGINT, SIGTERM, SIGHUP or uncaught
 * error. After a second one, or after the grace period, the promise resolves before the work ends.
 *
 * @returns the exit code: that of the work; 1 after an uncaught error or after the grace period;
 *   128 plus the number of the signal after a second signal. Rejects if the work does.
 */
export function runUntilSignal(
  work: (ending: AbortSignal) => Promise<number>,
  { graceMs, endsOnHangup = true, warn, report, source = process }: SignalOptions,
): Promise<number> {
  const ending = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let signalledAt: number | undefined
  let crashed = false
  const signals = SIGNALS.filter(signal => signal !== 'SIGHUP' || endsOnHangup)
  let removeListeners = () => {}
  const earlyExit = new Promise<number>(resolve => {
    const end = (cause: string) => {
      if (ending.signal.aborted) return
      ending.abort()
      if (graceMs === undefined) return
      timer = setTimeout(() => {
        warn(`shutdown did not finish within ${graceMs / 1000} s after ${cause}; exiting`)
        resolve(FAILURE)
      }, graceMs)
    }
    const onSignal = (signal: Signal) => {
      const now = performance.now()
      if (signalledAt !== undefined && now - signalledAt > SAME_SIGNAL_MS) {
        warn(`second ${signal}; exiting without waiting for the shutdown`)
        resolve(128 + constants.signals[signal])
      }
      signalledAt ??= now
      end(signal)
    }
    const onError = (error: unknown) => {
      report(error)
      if (crashed) resolve(FAILURE)
      crashed = true
      end('an error')
    }
    for (const signal of signals) source.on(signal, onSignal)
    // Without a listener it would end the process while the work is starting.
    if (!endsOnHangup) source.on('SIGHUP', ignore)
    for (const event of ['uncaughtException', 'unhandledRejection']) source.on(event, onError)
    removeListeners = () => {
      clearTimeout(timer)
      for (const signal of signals) source.off(signal, onSignal)
      source.off('SIGHUP', ignore)
      for (const event of ['uncaughtException', 'unhandledRejection']) source.off(event, onError)
    }
  })
  const done = work(ending.signal).then(code => (crashed ? FAILURE : code))
  return Promise.race([done, earlyExit]).finally(removeListeners)
}

/** Resolves when the signal is aborted, at once if it already is. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
