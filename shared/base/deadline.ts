/** Tests of an application may replace the timers after this module is loaded. */
const { setTimeout: setRealTimeout, clearTimeout: clearRealTimeout } = globalThis

/**
 * Waits until the promise is settled, for `ms` milliseconds at most. The timer keeps the process
 * alive, so that this can be the last step of an application. It ends also with fake timers.
 *
 * @returns whether the promise was fulfilled or rejected in time
 */
export async function settlesWithin(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<boolean>(resolve => {
    timer = setRealTimeout(resolve, ms, false)
  })
  const settled = work.then(
    () => true,
    () => true,
  )
  const inTime = await Promise.race([settled, timeout])
  clearRealTimeout(timer)
  return inTime
}

/**
 * Settles as the promise does, or rejects with `message` after `ms` milliseconds. The timer does
 * not keep the process alive.
 */
export async function withTimeout<T>(work: Promise<T>, ms: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms)
    timer.unref()
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
