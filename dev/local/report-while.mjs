const INTERVAL_MS = 5_000

/**
 * Logs the progress of work every five seconds until it is settled.
 *
 * @param {Promise<unknown>} work
 * @param {(message: string) => void} log
 * @param {(seconds: number) => string} progress describes the progress after this many seconds
 */
export async function reportWhile(work, log, progress) {
  const start = performance.now()
  const seconds = () => Math.round((performance.now() - start) / 1000)
  const timer = setInterval(() => log(progress(seconds())), INTERVAL_MS)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}
