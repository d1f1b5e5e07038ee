import { type Collector, family, type HostFiles, type SampleSink } from '../collector.js'
import { CpuFolders } from './cpu/folders.js'
import { type CpuTimes, cpuLinesOf, MODES } from './cpu/lines.js'

const SECONDS = family(
  'node_cpu_seconds_total',
  'counter',
  'Seconds the CPUs spent in each mode.',
  ['cpu', 'mode'],
)
const GUEST_SECONDS = family(
  'node_cpu_guest_seconds_total',
  'counter',
  'Seconds the CPUs spent in guests (VMs) for each mode.',
  ['cpu', 'mode'],
)

const IDLE = MODES.findIndex(({ mode }) => mode === 'idle')
/** A CPU whose idle time falls by more was replaced, seconds. */
const REPLACED_SECONDS = 3

/** Time of CPUs by mode, and what /sys tells of their throttling. */
export function cpu(): Collector {
  const folders = new CpuFolders()
  let shown = new Map<string, CpuTimes>()
  return (files: HostFiles, sink: SampleSink) => {
    const found = cpuLinesOf(files.proc('stat'))
    shown = new Map(
      Array.from(found, ([cpu, times]) => [cpu, withoutDecreases(shown.get(cpu), times)]),
    )
    for (const [cpu, times] of shown) {
      MODES.forEach(({ mode, guest }, i) => {
        sink.put(guest ? GUEST_SECONDS : SECONDS, times[i], cpu, mode)
      })
    }
    folders.collect(files, [...found.keys()].join(), sink)
  }
}

/** The kernel's idle time of a CPU may go back a little. A counter must not. */
function withoutDecreases(before: CpuTimes | undefined, now: CpuTimes): CpuTimes {
  if (!before || before[IDLE] - now[IDLE] >= REPLACED_SECONDS) return now
  return now.map((seconds, i) => Math.max(seconds, before[i]))
}
