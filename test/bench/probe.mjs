// Loaded with --import into the measured process. At SIGWINCH it starts to measure every turn of
// the event loop. At the next SIGWINCH it stops and writes a report to the file BENCH_PROBE_FILE.
import { readFileSync, writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const file = process.env.BENCH_PROBE_FILE
const schedstat = `/proc/self/task/${process.pid}/schedstat`
/** CPU time of the main thread, ms. Wall time if the system does not provide it. */
const cpu = () => {
  try {
    const text = readFileSync(schedstat, 'latin1')
    return Number(text.slice(0, text.indexOf(' '))) / 1e6
  } catch {
    return performance.now()
  }
}

let watching = false
process.on('SIGWINCH', () => {
  if (watching) {
    watching = false
    return
  }
  watching = true
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const slices = []
  let last = cpu()
  const turn = () => {
    const now = cpu()
    const slice = now - last
    if (slice > 1) slices.push(slice)
    last = cpu()
    if (watching) setImmediate(turn)
    else {
      delay.disable()
      slices.sort((a, b) => b - a)
      writeFileSync(
        file,
        JSON.stringify({
          longestSliceMs: slices[0] ?? 0,
          next: slices.slice(1, 6),
          delayP99Ms: delay.percentile(99) / 1e6,
          delayMaxMs: delay.max / 1e6,
        }),
      )
    }
  }
  turn()
})
