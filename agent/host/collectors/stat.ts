import { type Collector, family } from '../collector.js'
import { count, linesOf } from '../parse.js'

const FAMILIES = new Map([
  ['intr', family('node_intr_total', 'counter', 'Total number of interrupts serviced.')],
  ['ctxt', family('node_context_switches_total', 'counter', 'Total number of context switches.')],
  ['btime', family('node_boot_time_seconds', 'gauge', 'Node boot time, in unixtime.')],
  ['processes', family('node_forks_total', 'counter', 'Total number of forks.')],
  [
    'procs_running',
    family('node_procs_running', 'gauge', 'Number of processes in runnable state.'),
  ],
  [
    'procs_blocked',
    family(
      'node_procs_blocked',
      'gauge',
      'Number of processes blocked waiting for I/O to complete.',
    ),
  ],
])

export const stat: Collector = (files, sink) => {
  for (const line of linesOf(files.proc('stat'))) {
    // The line of interrupts may have thousands of numbers, and only the first is used.
    const [name, value] = line.split(' ', 2)
    const found = FAMILIES.get(name)
    if (found) sink.put(found, count('/proc/stat', value))
  }
}
