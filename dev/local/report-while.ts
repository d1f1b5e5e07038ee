const EVERY_MS = 5_000

/** Says how far something is each five seconds until it is done. */
export async function reportWhile<T>(
  work: Promise<T>,
  log: (message: string) => void,
  progress: () => string,
): Promise<T> {
  const timer = setInterval(() => log(progress()), EVERY_MS)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}
