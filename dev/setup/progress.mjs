const start = performance.now()

/** Prints a line with the time since the start of the command on standard error. */
export function progress(message) {
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  process.stderr.write(`[${seconds.padStart(5)} s] ${message}\n`)
}
