import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** npm passes on the Ctrl-C that the terminal has sent to the whole group of processes already. */
const SAME_SIGNAL_MS = 500
const FAILURE = 1

type Signal = (typeof SIGNALS)[number]

export interface SignalOptions {
  /** How long the work may take after a signal, ms; undefined: as long as it takes. */
  readonly graceMs?: number
  /** Told in one line why the process ends before the work has. */
  readonly say: (message: string) => void
  /** Told of an error that nobody caught. */
  readonly report: (error: unknown) => void
  /** Whose signals and errors: the process's. */
  readonly source?: NodeJS.EventEmitter
}

/**
 * Runs the work of a process and tells it when to end: at the first SIGINT, SIGTERM or SIGHUP, and when an error is caught by
 * nobody. The promise does not wait for the work when a second signal comes, or the work takes longer than its grace period.
 *
 * @returns the exit code of the process: that of the work; 1 after an error that nobody caught or a grace period that was not
 *   enough; 128 and the number of the signal after a second one. Rejects as the work does.
 */
export function untilSignalled(
  work: (ending: AbortSignal) => Promise<number>,
  { graceMs, say, report, source = process }: SignalOptions,
): Promise<number> {
  const ending = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let signalledAt: number | undefined
  let crashed = false
  let off = () => {}
  const atOnce = new Promise<number>(resolve => {
    const end = (cause: string) => {
      if (ending.signal.aborted) return
      ending.abort()
      if (graceMs === undefined) return
      timer = setTimeout(() => {
        say(`not ended ${graceMs / 1000} s after ${cause}: ending at once`)
        resolve(FAILURE)
      }, graceMs)
    }
    const onSignal = (signal: Signal) => {
      const now = performance.now()
      if (signalledAt !== undefined && now - signalledAt > SAME_SIGNAL_MS) {
        say(`another ${signal}: ending at once`)
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
    for (const signal of SIGNALS) source.on(signal, onSignal)
    for (const event of ['uncaughtException', 'unhandledRejection']) source.on(event, onError)
    off = () => {
      clearTimeout(timer)
      for (const signal of SIGNALS) source.off(signal, onSignal)
      for (const event of ['uncaughtException', 'unhandledRejection']) source.off(event, onError)
    }
  })
  const done = work(ending.signal).then(code => (crashed ? FAILURE : code))
  return Promise.race([done, atOnce]).finally(off)
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
