const start = performance.now()

/** One line of progress with the time since the command began. On stderr: stdout belongs to what was asked for. */
export function progress(message) {
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  process.stderr.write(`[${seconds.padStart(5)} s] ${message}\n`)
}
