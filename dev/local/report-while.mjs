const EVERY_MS = 5_000

/**
 * Says how far something is each five seconds until it is done.
 *
 * @param {Promise<unknown>} work
 * @param {(message: string) => void} log
 * @param {(seconds: number) => string} progress given the seconds since it began
 */
export async function reportWhile(work, log, progress) {
  const began = performance.now()
  const seconds = () => Math.round((performance.now() - began) / 1000)
  const timer = setInterval(() => log(progress(seconds())), EVERY_MS)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}
